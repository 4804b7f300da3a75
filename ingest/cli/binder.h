/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binder - single observations bound into reports.
 *
 * Observations with the same head go to one report, until it meets a limit of the road (codec.h); then the next
 * begins. Many reports may be under way at once, so that rows in any order do not make a report each: up to
 * BINDER_REPORTS_MAX, of BINDER_BYTES_MAX in all; beyond that the fullest is given out. One thread.
 */
#ifndef TRAM_BINDER_H
#define TRAM_BINDER_H

#include "tram.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BINDER_REPORTS_MAX 1024
#define BINDER_BYTES_MAX   (24u << 20)

struct binder;

/* give: takes a finished report; the bytes are valid for the call. Caller frees with binder_free(). */
struct binder *binder_new(void (*give)(void *context, const uint8_t *report, size_t len, size_t observations),
			  void *context);
void binder_free(struct binder **bp); /* what was not given is dropped */

/*
 * Adds an observation to the report with this head (whose own observations are none). False when the observation is so
 * large that no report can hold it; *ret_len: the bytes that its report would have.
 */
bool binder_add(struct binder *b, const Tram__V1__Report *head, const Tram__V1__Observation *observation,
		size_t *ret_len);

/* Gives out all that is under way, in the order in which it began. */
void binder_give_all(struct binder *b);

/* Forgets all that is under way. */
void binder_drop_all(struct binder *b);

#endif
