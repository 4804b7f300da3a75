/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon - what a well-behaved service does: signals as a descriptor, ready and stopping told to systemd, not root.
 */
#ifndef TRAM_DAEMON_H
#define TRAM_DAEMON_H

#include "err.h"

/* Blocks SIGTERM, SIGINT, SIGHUP (and ignores SIGPIPE) for all threads to come and returns a descriptor that reads them. */
int daemon_signals(struct err *err) MUST_CHECK;

/* The next signal waiting on the descriptor, or 0. */
int daemon_next_signal(int fd);

/* False and *err when running as root (unless TRAM_ALLOW_ROOT=yes, for containers). */
bool daemon_refuse_root(struct err *err) MUST_CHECK;

void daemon_ready(const char *status);
void daemon_status(const char *format, ...) PRINTF_LIKE(1, 2);
void daemon_reloading(void);
void daemon_stopping(void);

#endif
