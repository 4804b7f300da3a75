/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon.h"
#include "lang.h"
#include "mem.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

int daemon_signals(struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0) {
		err_set_errno(err, ERR_OS, _("cannot receive signals"));
		return -1;
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return fd;
}

int daemon_next_signal(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

bool daemon_refuse_root(struct err *err)
{
	const char *allowed = getenv("TRAM_ALLOW_ROOT");

	if (geteuid() != 0 || (allowed && strcmp(allowed, "yes") == 0)) {
		return true;
	}
	return err_set(err, ERR_NOPERM,
		       _("this service does not run as root: start it as the user tram (systemd does), or, in a "
			 "container, set TRAM_ALLOW_ROOT=yes"));
}

static int64_t real_monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* The protocol is lines of NAME=value: a status must stay one. */
static char *one_line(char *text)
{
	for (char *p = text; *p; p++) {
		*p = *p == '\n' ? ' ' : *p;
	}
	return text;
}

void daemon_ready(const char *status)
{
	char *text = one_line(xstrdup(status ? status : ""));

	sd_notifyf(0, *text ? "READY=1\nSTATUS=%s" : "READY=1%s", text);
	free(text);
}

void daemon_status(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = one_line(xvasprintf(format, args));
	va_end(args);
	sd_notifyf(0, "STATUS=%s", text);
	free(text);
}

void daemon_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, real_monotonic_us());
}

void daemon_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void daemon_alive(void)
{
	static int64_t half_us = -1, last_us;
	uint64_t interval_us = 0;

	if (half_us < 0) {
		half_us = sd_watchdog_enabled(0, &interval_us) > 0 ? (int64_t)(interval_us / 2) : 0;
	}
	if (half_us > 0 && real_monotonic_us() - last_us >= half_us / 2) {
		last_us = real_monotonic_us();
		sd_notify(0, "WATCHDOG=1");
	}
}
