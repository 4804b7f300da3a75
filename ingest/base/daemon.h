/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon - what a well-behaved service does: signals as a descriptor, ready and stopping told to systemd, not root.
 *
 * Without systemd (no NOTIFY_SOCKET) the tellings do nothing. Main thread only.
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

/* Tells systemd that the service is up, also again after daemon_reloading(); status may be NULL. */
void daemon_ready(const char *status);

/* The line that `systemctl status` shows. */
void daemon_status(const char *format, ...) PRINTF_LIKE(1, 2);

void daemon_reloading(void);
void daemon_stopping(void);

/* Once a turn of the main loop: feeds systemd's watchdog (WatchdogSec=) if there is one, no oftener than needed. The loop
 * must turn at least four times in WatchdogSec. */
void daemon_alive(void);

#endif
