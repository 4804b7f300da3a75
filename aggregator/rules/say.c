/* SPDX-License-Identifier: Apache-2.0 */
#include "walk.h"

#include "text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TEXT_SHOWN 120 /* bytes of a province's text that a finding repeats */

const char *say(struct walk *w, const char *format, ...)
{
	char text[1024];
	const char *copy;
	int n;
	va_list args;

	va_start(args, format);
	n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n >= (int)sizeof text) {
		for (n = (int)sizeof text - 1; n > 0 && (unsigned char)text[n - 1] >= 0x80; n--) {
			text[n - 1] = 0; /* a character may have been cut in two */
		}
	}
	copy = arena_strdup(w->arena, text);
	w->exhausted = w->exhausted || !copy;
	return copy ? copy : "";
}

const char *say_text(struct walk *w, const char *text)
{
	size_t len = strlen(text);

	if (len <= TEXT_SHOWN) {
		return say(w, "%s", text);
	}
	len = TEXT_SHOWN;
	while (((unsigned char)text[len] & 0xC0) == 0x80) {
		len--;
	}
	return say(w, "%.*s…", (int)len, text);
}

const char *say_decimal(struct walk *w, struct decimal d)
{
	char text[DECIMAL_TEXT];

	return say(w, "%s", decimal_text(d, text));
}

const char *say_stated(struct walk *w, const Tram__V1__Decimal *d, int unit_mult)
{
	char text[DECIMAL_TEXT];

	if (!decimal_is_valid(d->mantissa, d->scale)) {
		return say(w, "%lld / 10^%u", (long long)d->mantissa, d->scale);
	}
	decimal_text((struct decimal){d->mantissa, (uint8_t)d->scale}, text);
	return unit_mult ? say(w, "%s × 10^%d", text, unit_mult) : say(w, "%s", text);
}

const char *say_day(struct walk *w, int32_t day)
{
	char text[16];

	return day == DATE_OPEN ? "" : say(w, "%s", date_text(day, text));
}

const char *say_area(struct walk *w, const struct area *area)
{
	char from[16];

	return say(w, "%s %s (%s … %s)", area->area, area->short_name_vi, date_text(area->valid_from, from),
		   say_day(w, area->valid_to));
}

/* Bytes of the character at text, and whether a person sees it. */
static size_t look_at_character(const char *text, size_t len, bool *ret_seen)
{
	size_t n = text_character(text, len);
	enum text_fault fault;

	if ((unsigned char)*text < 0x80) {
		*ret_seen = isgraph((unsigned char)*text);
		return 1;
	}
	n = n ? n : 1;
	fault = text_check(text, n, NULL);
	*ret_seen = fault != TEXT_CONTROL && fault != TEXT_INVISIBLE;
	return n;
}

/* What is seen of a text, without any spaces: as much of it as fits, and its length, or one that does not fit. */
static size_t see(const char *text, char *buf, size_t size)
{
	size_t used = 0, n;
	bool seen;

	for (size_t i = 0, len = strlen(text); i < len && used < size; i += n) {
		n = look_at_character(text + i, len - i, &seen);
		if (seen && used + n < size) {
			memcpy(buf + used, text + i, n);
		}
		used += seen ? n : 0;
	}
	buf[used < size ? used : 0] = 0;
	return used;
}

bool is_blank(const char *text)
{
	char first[2];

	return see(text, first, sizeof first) == 0;
}

/* "09:303850": a time of day run into a counter, as pages copied by hand have it. */
static bool is_debris(const char *text)
{
	size_t digits = 0;

	if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1]) || text[2] != ':') {
		return false;
	}
	while (isdigit((unsigned char)text[3 + digits])) {
		digits++;
	}
	return digits > 2 && !text[3 + digits];
}

bool is_placeholder(const char *text)
{
	static const char *const placeholders[] = {
	    "n/a", "na", "#n/a", "null", "none", "nil", "nan", "x",  "xx",  "xxx", "test",  "tbd",     "todo",
	    "?",   "??", "???",  "-",    "--",   "---", ".",   "..", "...", "…",   "#ref!", "#value!", "#div/0!"};
	char seen[10];

	size_t len = *text ? see(text, seen, sizeof seen) : 0;

	if (len == 0 || len >= sizeof seen) {
		return false;
	}
	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++) {
		if (strcasecmp(seen, placeholders[i]) == 0) {
			return true;
		}
	}
	return is_debris(seen);
}
