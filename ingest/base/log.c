/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"
#include "clock.h"
#include "mem.h"
#include "text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define FIELDS_MAX     32
#define LINE_MAX_BYTES 8192 /* a longer line is cut and ends in "..." */

enum destination { TO_PIPE, TO_TERMINAL, TO_JOURNAL };

static _Atomic int least_level = LOG_LEVEL_INFO;
static const char *program_name = "tram";
static enum destination destination = TO_PIPE;

/* Writes all or cuts: once full it stays full, so callers need no check. */
struct line {
	char text[LINE_MAX_BYTES];
	size_t used;
	bool full;
};

static void add_bytes(struct line *line, const char *bytes, size_t len)
{
	if (line->full || len > sizeof line->text - 4 - line->used) { /* 4: "...\n" */
		line->full = true;
		return;
	}
	memcpy(line->text + line->used, bytes, len);
	line->used += len;
}

static void add_text(struct line *line, const char *text)
{
	add_bytes(line, text, strlen(text));
}

/* C1 controls move a terminal's cursor as well as C0 do. */
static bool is_control(const char *s, size_t len)
{
	uint8_t first = (uint8_t)s[0];

	return len == 0 || first < 0x20 || first == 0x7F || (first == 0xC2 && (uint8_t)s[1] < 0xA0);
}

static bool needs_quotes(const char *value)
{
	if (!*value) {
		return true;
	}
	for (const char *s = value; *s;) {
		size_t len = text_character(s, strnlen(s, 4));

		if (is_control(s, len) || strchr(" \"=\\", *s)) {
			return true;
		}
		s += len;
	}
	return false;
}

static void add_escaped(struct line *line, const char *s, size_t len)
{
	char code[8];

	if (*s == '\n') {
		add_text(line, "\\n");
	} else if (*s == '\t') {
		add_text(line, "\\t");
	} else if (*s == '"' || *s == '\\') {
		snprintf(code, sizeof code, "\\%c", *s);
		add_text(line, code);
	} else if (is_control(s, len)) {
		for (size_t i = 0; i < (len ? len : 1); i++) {
			snprintf(code, sizeof code, "\\x%02x", (uint8_t)s[i]);
			add_text(line, code);
		}
	} else {
		add_bytes(line, s, len);
	}
}

static void add_value(struct line *line, const char *value)
{
	if (!needs_quotes(value)) {
		add_text(line, value);
		return;
	}
	add_text(line, "\"");
	while (*value) {
		size_t len = text_character(value, strnlen(value, 4));

		add_escaped(line, value, len);
		value += len ? len : 1;
	}
	add_text(line, "\"");
}

static void add_field(struct line *line, const char *name, const char *value)
{
	add_text(line, line->used ? " " : "");
	add_text(line, name);
	add_text(line, "=");
	add_value(line, value);
}

static void add_event(struct line *line, const char *event, const struct log_field *fields, size_t n)
{
	add_field(line, "ev", event);
	for (size_t i = 0; i < n; i++) {
		if (fields[i].value) {
			add_field(line, fields[i].name, fields[i].value);
		}
	}
	if (line->full) {
		memcpy(line->text + line->used, "...", 3);
		line->used += 3;
	}
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return "error";
	case LOG_LEVEL_WARNING: return "warning";
	case LOG_LEVEL_INFO: return "info";
	case LOG_LEVEL_DEBUG: return "debug";
	}
	return "info";
}

/* One write a line, so that lines of several threads do not mix. */
static void write_line(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	struct line line;
	char time[CLOCK_TEXT], prefix[8];

	line.used = 0;
	line.full = false;
	if (destination != TO_TERMINAL) {
		snprintf(prefix, sizeof prefix, "<%d>", level);
		add_text(&line, prefix);
	}
	add_text(&line, "ts=");
	add_text(&line, clock_text_rfc3339(clock_wall_us(), time));
	add_field(&line, "level", level_name(level));
	add_event(&line, event, fields, n);
	line.text[line.used++] = '\n';
	for (size_t done = 0; done < line.used;) {
		ssize_t wrote = write(STDERR_FILENO, line.text + done, line.used - done);

		if (wrote < 0 && errno != EINTR) {
			return; /* nobody left to tell */
		}
		done += wrote > 0 ? (size_t)wrote : 0;
	}
}

/* TRAM_ keeps our names apart from the journal's own (UNIT, MESSAGE, PRIORITY …). */
static char *journal_field(const char *name, const char *value)
{
	char *text = xasprintf("TRAM_%s=%s", name, value);

	for (char *p = text; *p != '='; p++) {
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
	}
	return text;
}

static bool send_to_journal(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	char *texts[FIELDS_MAX + 4];
	struct iovec iov[FIELDS_MAX + 4];
	struct line line;
	size_t used = 0;
	int status;

	line.used = 0;
	line.full = false;
	add_event(&line, event, fields, n);
	texts[used++] = xasprintf("MESSAGE=%.*s", (int)line.used, line.text);
	texts[used++] = xasprintf("PRIORITY=%d", level);
	texts[used++] = xasprintf("SYSLOG_IDENTIFIER=%s", program_name);
	texts[used++] = journal_field("event", event);
	for (size_t i = 0; i < n; i++) {
		if (fields[i].value) {
			texts[used++] = journal_field(fields[i].name, fields[i].value);
		}
	}
	for (size_t i = 0; i < used; i++) {
		iov[i] = (struct iovec){.iov_base = texts[i], .iov_len = strlen(texts[i])};
	}
	status = sd_journal_sendv(iov, (int)used);
	for (size_t i = 0; i < used; i++) {
		free(texts[i]);
	}
	return status >= 0;
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	assert(n <= FIELDS_MAX);
	if ((int)level > atomic_load_explicit(&least_level, memory_order_relaxed)) {
		return;
	}
	if (destination != TO_JOURNAL || !send_to_journal(level, event, fields, n)) {
		write_line(level, event, fields, n);
	}
}

void log_fields(enum log_level level, const char *event, ...)
{
	struct log_field fields[FIELDS_MAX];
	const char *name;
	size_t n = 0;
	va_list args;

	va_start(args, event);
	while ((name = va_arg(args, const char *))) {
		assert(n < FIELDS_MAX);
		fields[n++] = (struct log_field){.name = name, .value = va_arg(args, const char *)};
	}
	va_end(args);
	log_event(level, event, fields, n);
}

const char *log_num(long long value)
{
	static _Thread_local char texts[16][24];
	static _Thread_local unsigned next;
	char *text = texts[next++ % 16];

	snprintf(text, sizeof texts[0], "%lld", value);
	return text;
}

/* systemd names the stream it gave us by device and inode; anything else was redirected since. */
static bool stderr_is_journal(void)
{
	const char *name = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return name && sscanf(name, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == device && st.st_ino == inode;
}

void log_start(const char *program, enum log_level level)
{
	program_name = program;
	destination = stderr_is_journal() ? TO_JOURNAL : isatty(STDERR_FILENO) ? TO_TERMINAL : TO_PIPE;
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	atomic_store(&least_level, level);
}
