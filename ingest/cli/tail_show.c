/* SPDX-License-Identifier: Apache-2.0 */
#include "tail_show.h"

#include "clock.h"
#include "event.h"
#include "lang.h"
#include "terminal.h"
#include "text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- texts from elsewhere */

static bool is_plain(const char *s)
{
	return *s && !s[strcspn(s, " \"=\\")];
}

/* One character of a text, or what stands for it: control characters, C1 ones too (C2 80 to C2 9F), as \xNN. */
static const unsigned char *put_one(FILE *out, const unsigned char *p, bool quoted)
{
	if (p[0] == 0xC2 && p[1] >= 0x80 && p[1] <= 0x9F) {
		fprintf(out, "\\x%02x", p[1]);
		return p + 2;
	}
	if (*p < 0x20 || *p == 0x7F) {
		fprintf(out, "\\x%02x", *p);
		return p + 1;
	}
	if (quoted && (*p == '"' || *p == '\\'))
		putc('\\', out);
	putc(*p, out);
	return p + 1;
}

static void put_value(FILE *out, const char *value)
{
	bool quoted = !is_plain(value);

	if (quoted)
		putc('"', out);
	for (const unsigned char *p = (const unsigned char *)value; *p;)
		p = put_one(out, p, quoted);
	if (quoted)
		putc('"', out);
}

static void put_text(FILE *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p;)
		p = put_one(out, p, false);
}

/* ---------------------------------------------------------------- for people */

static const char *colour_of(Tram__V1__Severity severity)
{
	switch (event_severity_letter(severity)) {
	case 'B': return "red";
	case 'J':
	case 'W': return "yellow";
	default: return "dim";
	}
}

static void put_column(FILE *out, const char *text, size_t width)
{
	size_t columns = text_columns(text);

	put_text(out, text);
	fprintf(out, "%*s", columns < width ? (int)(width - columns + 1) : 1, "");
}

static bool is_title(const char *name)
{
	return strncmp(name, "title_", 6) == 0;
}

/* The fields, and the title in the process's language behind them. */
static void put_fields(FILE *out, const Tram__V1__Event *e)
{
	const char *title = "", *between = "";

	for (size_t i = 0; i < e->n_fields; i++) {
		const char *name = e->fields[i]->name, *value = e->fields[i]->value;
		if (is_title(name)) {
			title = strcmp(name + 6, lang_is_vi() ? "vi" : "en") == 0 ? value : title;
		} else if (*value) {
			fprintf(out, "%s%s", between, terminal_begin(out, "dim"));
			put_text(out, name);
			fprintf(out, "=%s", terminal_end(out));
			put_value(out, value);
			between = " ";
		}
	}
	if (*title)
		fputs(between, out);
	put_text(out, title);
}

static void show_text(FILE *out, const Tram__V1__Event *e)
{
	char time[CLOCK_TEXT];
	const char *colour = colour_of(e->severity);

	fprintf(out, "%s%s%s ", terminal_begin(out, "dim"), clock_text_vn(e->at_us, time), terminal_end(out));
	fprintf(out, "%s%c%s ", terminal_begin(out, colour), event_severity_letter(e->severity), terminal_end(out));
	put_column(out, *e->area ? e->area : "-", 6);
	put_column(out, *e->agent ? e->agent : "-", 13);
	fputs(terminal_begin(out, colour), out);
	put_column(out, e->name, 20);
	fputs(terminal_end(out), out);
	put_fields(out, e);
	putc('\n', out);
}

/* ---------------------------------------------------------------- for programs */

static void put_pair(FILE *out, const char *name, const char *value)
{
	putc(' ', out);
	put_text(out, name);
	putc('=', out);
	put_value(out, value);
}

static void show_logfmt(FILE *out, const Tram__V1__Event *e)
{
	char time[CLOCK_TEXT];
	const char severity[] = {event_severity_letter(e->severity), '\0'};

	fprintf(out, "ts=%s ev=", clock_text_rfc3339(e->at_us, time));
	put_value(out, e->name);
	fprintf(out, " position=%" PRIu64, e->position);
	put_pair(out, "severity", severity);
	if (*e->agent)
		put_pair(out, "agent", e->agent);
	if (*e->area)
		put_pair(out, "area", e->area);
	if (*e->word)
		put_pair(out, "word", e->word);
	for (size_t i = 0; i < e->n_fields; i++)
		put_pair(out, e->fields[i]->name, e->fields[i]->value);
	putc('\n', out);
}

/* A text that is not UTF-8 is null: the feed never carries one. */
static void set_text(json_t *object, const char *name, const char *text)
{
	json_t *value = json_string(text);

	json_object_set_new(object, name, value ? value : json_null());
}

static void put_json(FILE *out, json_t *object)
{
	json_dumpf(object, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putc('\n', out);
	json_decref(object);
}

static void show_json(FILE *out, const Tram__V1__Event *e)
{
	char time[CLOCK_TEXT], feed[17];
	const char severity[] = {event_severity_letter(e->severity), '\0'};
	json_t *object = json_object(), *fields = json_object();

	snprintf(feed, sizeof feed, "%016" PRIx64, e->feed_id);
	json_object_set_new(object, "position", json_integer((json_int_t)e->position));
	set_text(object, "feed_id", feed);
	set_text(object, "at", clock_text_rfc3339(e->at_us, time));
	set_text(object, "name", e->name);
	set_text(object, "severity", severity);
	set_text(object, "agent", e->agent);
	set_text(object, "area", e->area);
	set_text(object, "word", e->word);
	for (size_t i = 0; i < e->n_fields; i++)
		set_text(fields, e->fields[i]->name, e->fields[i]->value);
	json_object_set_new(object, "fields", fields);
	put_json(out, object);
}

void tail_show(FILE *out, enum tail_format format, const Tram__V1__Event *event)
{
	switch (format) {
	case TAIL_TEXT: show_text(out, event); break;
	case TAIL_JSON: show_json(out, event); break;
	case TAIL_LOGFMT: show_logfmt(out, event); break;
	}
}

/* ---------------------------------------------------------------- what the feed itself is */

static void show_note(FILE *out, const char *text)
{
	fprintf(out, "%s--- %s ---%s\n", terminal_begin(out, "yellow"), text, terminal_end(out));
}

void tail_show_gap(FILE *out, enum tail_format format, uint64_t from, uint64_t to)
{
	char text[200];

	switch (format) {
	case TAIL_JSON:
		put_json(out, json_pack("{s:s,s:I,s:I}", "name", "feed.gap", "from", (json_int_t)from, "to",
					(json_int_t)to));
		break;
	case TAIL_LOGFMT: fprintf(out, "ev=feed.gap from=%" PRIu64 " to=%" PRIu64 "\n", from, to); break;
	case TAIL_TEXT:
		snprintf(text, sizeof text, _("%" PRIu64 " events missed (positions %" PRIu64 " to %" PRIu64 ")"),
			 to - from + 1, from, to);
		show_note(out, text);
		break;
	}
}

void tail_show_restart(FILE *out, enum tail_format format)
{
	switch (format) {
	case TAIL_JSON: put_json(out, json_pack("{s:s}", "name", "feed.restarted")); break;
	case TAIL_LOGFMT: fputs("ev=feed.restarted\n", out); break;
	case TAIL_TEXT: show_note(out, _("the feed began anew: the aggregator was started again")); break;
	}
}
