/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renew - a new outbox in the place of one that has forked: a new epoch, into which what the old one still had to send is
 * handed in again, with its old times. The old file is set aside, never deleted. The agent must not be running.
 */
#ifndef TRAM_RENEW_H
#define TRAM_RENEW_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct renewal {
	char *set_aside;  /* the old file's new name; caller frees */
	uint64_t carried; /* reports handed in again */
};

/* all: every report that is kept, not only what was never acknowledged (for a centre that lost them). Crash-safe: either
 * the old outbox is in place, or the new one with all that is carried. */
bool renew(const char *dir, const char *agent, bool all, struct renewal *ret, struct err *err) MUST_CHECK;

#endif
