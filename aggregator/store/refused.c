/* SPDX-License-Identifier: Apache-2.0 */
#include "refused.h"

#include <stdio.h>
#include <string.h>

enum { GAPS_MAX = 3, GAP_SIZE = 256 };

static const struct {
	const char *en, *vi;
} texts[] = {
#define REFUSED(text, text_vi) {text, text_vi},
#include "refused.def"
#undef REFUSED
};

struct gaps {
	char text[GAPS_MAX][GAP_SIZE];
};

bool refused_is(const char *sqlstate, const char *where)
{
	static const char *const states[] = {"22023", "0A000", "54000", "55P03"};

	for (size_t i = 0; sqlstate && where && i < sizeof states / sizeof *states; i++) {
		if (strcmp(sqlstate, states[i]) == 0) {
			return strncmp(where, "PL/pgSQL function tram.", strlen("PL/pgSQL function tram.")) == 0 &&
			       strstr(where, " at RAISE");
		}
	}
	return false;
}

/* Where what follows a gap begins in the message; NULL when it does not. */
static const char *end_of_gap(const char *message, const char *follows)
{
	const char *next = strstr(follows, "%s");
	size_t len = next ? (size_t)(next - follows) : strlen(follows);

	return len == 0 ? message + strlen(message) : memmem(message, strlen(message), follows, len);
}

static bool fits(const char *text, const char *message, struct gaps *ret)
{
	size_t n = 0;

	for (const char *gap; n < GAPS_MAX && (gap = strstr(text, "%s")); text = gap + 2) {
		const char *end;

		if (strncmp(message, text, (size_t)(gap - text)) != 0) {
			return false;
		}
		message += gap - text;
		end = end_of_gap(message, gap + 2);
		if (!end) {
			return false;
		}
		snprintf(ret->text[n++], GAP_SIZE, "%.*s", (int)(end - message), message);
		message = end;
	}
	return strcmp(message, text) == 0;
}

static void fill(const char *text, const struct gaps *gaps, bool in_vietnamese, char *to, size_t size)
{
	size_t n = 0, used = 0;

	for (const char *gap; (gap = strstr(text, "%s")) && used < size; text = gap + 2) {
		char said[2 * GAP_SIZE];

		refused_say(gaps->text[n++], in_vietnamese, said, sizeof said); /* the reason may be one of the texts */
		used += (size_t)snprintf(to + used, size - used, "%.*s%s", (int)(gap - text), text, said);
	}
	if (used < size) {
		snprintf(to + used, size - used, "%s", text);
	}
}

void refused_say(const char *message, bool in_vietnamese, char *to, size_t size)
{
	struct gaps gaps;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (fits(texts[i].en, message, &gaps)) {
			fill(in_vietnamese ? texts[i].vi : texts[i].en, &gaps, in_vietnamese, to, size);
			return;
		}
	}
	snprintf(to, size, "%s", message);
}
