/* SPDX-License-Identifier: Apache-2.0 */
#include "tail_filter.h"

#include "event.h"
#include "lang.h"
#include "nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *code, *name;
} words[] = {{"dung", "đúng"}, {"du", "đủ"}, {"sach", "sạch"}, {"song", "sống"}};
#define N_WORDS (sizeof words / sizeof *words)

/* ---------------------------------------------------------------- checking */

static bool check_severity(struct tail_filter *f, struct err *err)
{
	const char *s = f->severity;

	if (!s || (strlen(s) == 1 && event_severity((char)toupper((unsigned char)*s))))
		return true;
	return err_set(err, ERR_USAGE, _("--severity %s: use B (refused), J (held until justified), W (warning) or I"),
		       s);
}

/* Whether name is the event, or the first part of its name. */
static bool is_event(const char *name, const char *event)
{
	size_t len = strlen(name);

	return len > 0 && strncmp(name, event, len) == 0 && (event[len] == '\0' || event[len] == '.');
}

static bool check_event(const char *name, struct err *err)
{
	struct nearest near = nearest_to(name);

	for (size_t i = 0; i < EVENT_KINDS; i++) {
		if (is_event(name, event_table[i].name))
			return true;
		nearest_try(&near, event_table[i].name);
	}
	if (near.found)
		return err_set(err, ERR_USAGE,
			       _("--event %s: there is none; did you mean %s? tram-events(7) lists them"), name,
			       near.found);
	return err_set(err, ERR_USAGE, _("--event %s: there is none; tram-events(7) lists them"), name);
}

static const char *word_called(const char *word)
{
	for (size_t i = 0; i < N_WORDS; i++)
		if (strcmp(word, words[i].code) == 0 || strcmp(word, words[i].name) == 0)
			return words[i].code;
	return NULL;
}

/* Replaces a word's Vietnamese name by its code. What only the catalogue knows is taken as it is, name or code. */
static bool check_word(const char **word, struct err *err)
{
	const char *code = word_called(*word);

	if (code)
		*word = code;
	return **word ||
	       err_set(err, ERR_USAGE, _("--word: name one: dung, du, sach, song, or another of the catalogue"));
}

const char *tail_filter_foreign_word(const struct tail_filter *f)
{
	for (size_t i = 0; i < f->words.n; i++)
		if (!word_called(f->words.texts[i]))
			return f->words.texts[i];
	return NULL;
}

static bool check_area(const char *area, struct err *err)
{
	size_t slash = strcspn(area, "/");
	const char *code = area[slash] ? area + slash + 1 : area;
	bool form = *code && !strchr(code, '/') && (!area[slash] || slash > 0);

	for (const char *p = area; form && *p; p++)
		form = isalnum((unsigned char)*p) || *p == '/' || *p == '_' || *p == '-';
	return form || err_set(err, ERR_USAGE, _("--area %s: write 63/46, a bare 46, or VN"), area);
}

bool tail_filter_check(struct tail_filter *f, struct err *err)
{
	bool fine = check_severity(f, err);

	for (size_t i = 0; fine && i < f->events.n; i++)
		fine = check_event(f->events.texts[i], err);
	for (size_t i = 0; fine && i < f->words.n; i++)
		fine = check_word(&f->words.texts[i], err);
	for (size_t i = 0; fine && i < f->areas.n; i++)
		fine = check_area(f->areas.texts[i], err);
	return fine;
}

/* ---------------------------------------------------------------- in words */

static void put(char *buf, size_t size, const char *option, const char *value)
{
	size_t used = strlen(buf);

	snprintf(buf + used, size - used, "%s--%s %s", used ? " " : "", option, value);
}

char *tail_filter_text(const struct tail_filter *f, char *buf, size_t size)
{
	const struct {
		const char *option;
		const struct option_list *list;
	} lists[] = {{"area", &f->areas},   {"agent", &f->agents},       {"word", &f->words},
		     {"event", &f->events}, {"dataflow", &f->dataflows}, {"indicator", &f->indicators},
		     {"rule", &f->rules}};

	*buf = '\0';
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (size_t j = 0; j < lists[i].list->n; j++)
			put(buf, size, lists[i].option, lists[i].list->texts[j]);
	if (f->severity)
		put(buf, size, "severity", f->severity);
	return buf;
}

/* ---------------------------------------------------------------- passing */

/* "46" is any vintage's 46. */
static bool is_area(const char *wanted, const char *area)
{
	const char *slash = strchr(area, '/');

	return strcmp(wanted, area) == 0 || (!strchr(wanted, '/') && slash && strcmp(wanted, slash + 1) == 0);
}

static bool is_same(const char *wanted, const char *value)
{
	return strcmp(wanted, value) == 0;
}

static bool passes(const struct option_list *list, const char *value, bool (*matches)(const char *, const char *))
{
	for (size_t i = 0; i < list->n; i++)
		if (matches(list->texts[i], value))
			return true;
	return list->n == 0;
}

static const char *field(const Tram__V1__Event *event, const char *name)
{
	for (size_t i = 0; i < event->n_fields; i++)
		if (strcmp(event->fields[i]->name, name) == 0)
			return event->fields[i]->value;
	return "";
}

static bool has_word(const struct tail_filter *f, const Tram__V1__Event *event)
{
	return passes(&f->words, event->word, is_same) || passes(&f->words, field(event, "word_vi"), is_same) ||
	       passes(&f->words, field(event, "word_en"), is_same);
}

static bool is_grave_enough(const struct tail_filter *f, const Tram__V1__Event *event)
{
	return !f->severity || event->severity >= event_severity((char)toupper((unsigned char)*f->severity));
}

bool tail_filter_passes(const struct tail_filter *f, const Tram__V1__Event *event)
{
	return is_grave_enough(f, event) && passes(&f->areas, event->area, is_area) &&
	       passes(&f->agents, event->agent, is_same) && has_word(f, event) &&
	       passes(&f->events, event->name, is_event) && passes(&f->dataflows, field(event, "dataflow"), is_same) &&
	       passes(&f->indicators, field(event, "indicator"), is_same) &&
	       passes(&f->rules, field(event, "rule"), is_same);
}

/* ---------------------------------------------------------------- positions */

struct tail_break tail_follow(struct tail_place *place, const Tram__V1__Event *event)
{
	bool known = place->position > 0;
	struct tail_break broken = {.anew = known && event->feed_id != place->feed_id};
	uint64_t next = broken.anew ? 1 : place->position + 1;

	if (known && event->position > next) {
		broken.missed_from = next;
		broken.missed_to = event->position - 1;
	}
	*place = (struct tail_place){event->feed_id, event->position};
	return broken;
}
