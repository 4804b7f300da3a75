/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one event, one line.
 *
 * An event has a stable name (dotted noun and past participle: report.committed) and named fields. Under systemd it
 * goes to the journal with native fields, otherwise to stderr as logfmt with a <priority> prefix only when stderr is
 * not a terminal. Values are escaped. Never payloads, keys or unscrubbed connection strings. Any thread.
 */
#ifndef TRAM_LOG_H
#define TRAM_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

struct log_field {
	const char *name;  /* lower_snake */
	const char *value; /* NULL: the field is left out */
};

/* program: for the journal's SYSLOG_IDENTIFIER. */
void log_start(const char *program, enum log_level level);
void log_set_level(enum log_level level);

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n);

/* log_info("report.committed", "agent", id, "rows", n_text): names and values by turns, closed by the macro. */
void log_fields(enum log_level level, const char *event, ...) __attribute__((sentinel));
#define log_error(...)   log_fields(LOG_LEVEL_ERROR, __VA_ARGS__, (char *)0)
#define log_warning(...) log_fields(LOG_LEVEL_WARNING, __VA_ARGS__, (char *)0)
#define log_info(...)    log_fields(LOG_LEVEL_INFO, __VA_ARGS__, (char *)0)
#define log_debug(...)   log_fields(LOG_LEVEL_DEBUG, __VA_ARGS__, (char *)0)

/* A number as text, in one of 16 buffers of this thread that are reused in turn: for log calls only. */
const char *log_num(long long value);

#endif
