/* SPDX-License-Identifier: Apache-2.0 */
#include "terminal.h"

#include "clock.h"
#include "lang.h"
#include "mem.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PROGRESS_EVERY_US (CLOCK_SECOND / 10)

static struct {
	int64_t last_us;
	bool shown;
} progress;

bool terminal_is(FILE *f)
{
	return isatty(fileno(f)) == 1;
}

size_t terminal_columns(FILE *f, size_t otherwise)
{
	struct winsize size;

	return ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : otherwise;
}

char *terminal_fit(FILE *f, const char *text, size_t columns)
{
	return terminal_is(f) ? text_fit(text, columns) : xstrdup(text);
}

static bool is_coloured(FILE *f)
{
	const char *no_color = getenv("NO_COLOR");

	return !(no_color && *no_color) && fileno(f) >= 0 && terminal_is(f);
}

const char *terminal_begin(FILE *f, const char *colour)
{
	static const struct {
		const char *name, *sequence;
	} colours[] = {{"red", "\x1b[31m"},
		       {"yellow", "\x1b[33m"},
		       {"green", "\x1b[32m"},
		       {"dim", "\x1b[2m"},
		       {"bold", "\x1b[1m"}};

	for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
		if (strcmp(colours[i].name, colour) == 0)
			return is_coloured(f) ? colours[i].sequence : "";
	return "";
}

const char *terminal_end(FILE *f)
{
	return is_coloured(f) ? "\x1b[0m" : "";
}

void terminal_progress(uint64_t done_bytes, uint64_t total_bytes, uint64_t rows)
{
	int64_t now = clock_monotonic_us();

	if (!terminal_is(stderr) || now - progress.last_us < PROGRESS_EVERY_US)
		return;
	progress.last_us = now;
	progress.shown = true;
	if (total_bytes)
		fprintf(stderr, "\r\x1b[K%3" PRIu64 " %%  ", done_bytes * 100 / total_bytes);
	else
		fprintf(stderr, "\r\x1b[K");
	fprintf(stderr, _("%" PRIu64 " figures read"), rows);
	fflush(stderr);
}

void terminal_progress_end(void)
{
	if (progress.shown)
		fprintf(stderr, "\r\x1b[K");
	progress.shown = false;
}

void terminal_label(FILE *out, const char *text, int columns)
{
	int left = columns - (int)text_columns(text);

	fprintf(out, "%s%*s", text, left > 0 ? left : 0, "");
}
