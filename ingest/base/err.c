/* SPDX-License-Identifier: Apache-2.0 */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Cuts a text that did not fit so that no character is left half. */
static void cut_at_character(char *text)
{
	size_t len = strlen(text), start = len;

	if (len + 1 < ERR_TEXT_MAX) {
		return;
	}
	while (start > 0 && ((uint8_t)text[start - 1] & 0xC0) == 0x80) {
		start--;
	}
	if (start > 0 && (uint8_t)text[start - 1] >= 0xC0) {
		uint8_t lead = (uint8_t)text[start - 1];
		size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;

		if (len - (start - 1) < need) {
			text[start - 1] = 0;
		}
	}
}

/* Callers may pass err->text as an argument, so the new text is made beside it. */
static void set_text(struct err *err, enum err_kind kind, const char *tail, const char *format, va_list args)
    PRINTF_LIKE(4, 0);

static void set_text(struct err *err, enum err_kind kind, const char *tail, const char *format, va_list args)
{
	char text[ERR_TEXT_MAX];
	size_t used;

	if (vsnprintf(text, sizeof text, format, args) < 0) {
		text[0] = 0;
	}
	used = strlen(text);
	if (tail) {
		snprintf(text + used, sizeof text - used, ": %s", tail);
	}
	cut_at_character(text);
	err->kind = kind;
	memcpy(err->text, text, sizeof text);
}

bool err_set(struct err *err, enum err_kind kind, const char *format, ...)
{
	va_list args;

	if (err) {
		va_start(args, format);
		set_text(err, kind, NULL, format, args);
		va_end(args);
	}
	return false;
}

bool err_set_errno(struct err *err, enum err_kind kind, const char *format, ...)
{
	int cause = errno;
	char buf[256];
	va_list args;

	if (err) {
		va_start(args, format);
		set_text(err, kind, strerror_r(cause, buf, sizeof buf), format, args);
		va_end(args);
	}
	errno = cause;
	return false;
}

bool err_prefix(struct err *err, const char *format, ...)
{
	char tail[ERR_TEXT_MAX];
	va_list args;

	if (err) {
		memcpy(tail, err->text, sizeof tail);
		va_start(args, format);
		set_text(err, err->kind, tail, format, args);
		va_end(args);
	}
	return false;
}
