/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"
#include "fsx.h"
#include "lang.h"
#include "mem.h"
#include "text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#define FILE_MAX_BYTES (1u << 20)
#define LINE_MAX_BYTES 4096

/* One pass over a file. */
struct loading {
	const struct conf_setting *table;
	size_t n;
	const char *path; /* NULL: no file, defaults only */
	void *settings;
	int *seen_at; /* line of each setting, 0: not in the file */
	int line;
	char *mistakes; /* one a line, as many as fit a struct err */
	size_t unsaid;  /* those that did not fit */
};

struct unit {
	const char *name;
	int64_t factor;
};

/* From small to big: printing takes the biggest that divides the value. */
static const struct unit plain_units[] = {{"", 1}, {0}};
static const struct unit byte_units[] = {{"B", 1},         {"KiB", 1 << 10},          {"MiB", 1 << 20},
					 {"GiB", 1 << 30}, {"TiB", INT64_C(1) << 40}, {0}};
static const struct unit duration_units[] = {{"us", 1},
					     {"ms", 1000},
					     {"s", 1000000},
					     {"min", INT64_C(60) * 1000000},
					     {"h", INT64_C(3600) * 1000000},
					     {"d", INT64_C(86400) * 1000000},
					     {0}};

static const struct unit *units_of(enum conf_type type)
{
	return type == CONF_BYTES ? byte_units : type == CONF_DURATION ? duration_units : plain_units;
}

static bool is_number(enum conf_type type)
{
	return type == CONF_COUNT || type == CONF_BYTES || type == CONF_DURATION;
}

static char **text_slot(const struct conf_setting *s, void *settings)
{
	assert(!is_number(s->type) && s->type != CONF_FLAG);
	return (char **)((char *)settings + s->offset);
}

static int64_t *number_slot(const struct conf_setting *s, void *settings)
{
	assert(is_number(s->type));
	return (int64_t *)((char *)settings + s->offset);
}

static bool *flag_slot(const struct conf_setting *s, void *settings)
{
	assert(s->type == CONF_FLAG);
	return (bool *)((char *)settings + s->offset);
}

static char *number_text(enum conf_type type, int64_t value)
{
	const struct unit *units = units_of(type), *best = units;

	for (const struct unit *u = units; u->name; u++) {
		best = value % u->factor == 0 ? u : best;
	}
	return value ? xasprintf("%" PRId64 "%s", value / best->factor, best->name) : xstrdup("0");
}

/* Counts need no unit; bytes may leave it out; a duration must say it, or 30 would mean whatever one hopes. */
static bool read_number(enum conf_type type, const char *text, int64_t *ret)
{
	long long digits;
	char *end;

	errno = 0;
	digits = strtoll(text, &end, 10);
	if (end == text || errno || *text == '+' || *text == ' ') {
		return false;
	}
	if (!*end && (type != CONF_DURATION || digits == 0)) {
		*ret = digits;
		return true;
	}
	end += strspn(end, " ");
	for (const struct unit *u = units_of(type); u->name; u++) {
		if (strcmp(end, u->name) == 0) {
			return !__builtin_mul_overflow((int64_t)digits, u->factor, ret);
		}
	}
	return false;
}

static int64_t upper_bound(const struct conf_setting *s)
{
	return s->max ? s->max : INT64_MAX;
}

static char *bounds_text(const struct conf_setting *s)
{
	char *low = number_text(s->type, s->min), *high = number_text(s->type, s->max);
	char *text = s->max ? xasprintf(_("from %s to %s"), low, high) : xasprintf(_("at least %s"), low);

	free(low);
	free(high);
	return text;
}

static void mistake(struct loading *l, const char *format, ...) PRINTF_LIKE(2, 3);

static void mistake(struct loading *l, const char *format, ...)
{
	char *place = l->line ? xasprintf("%s:%d: ", l->path, l->line) : xasprintf("%s: ", l->path ? l->path : "-");
	char *text, *all;
	va_list args;

	va_start(args, format);
	text = xvasprintf(format, args);
	va_end(args);
	all = xasprintf("%s%s%s%s", l->mistakes ? l->mistakes : "", l->mistakes ? "\n" : "", place, text);
	free(place);
	free(text);
	if (l->unsaid || (l->mistakes && strlen(all) > ERR_TEXT_MAX - 64)) { /* 64: room to say how many more */
		l->unsaid++;
		free(all);
		return;
	}
	free(l->mistakes);
	l->mistakes = all;
}

static const char *wanted_form(enum conf_type type)
{
	switch (type) {
	case CONF_BYTES: return _("a size such as 64KiB or 2MiB");
	case CONF_DURATION: return _("a duration such as 500ms, 30s, 5min, 12h or 30d");
	default: return _("a whole number");
	}
}

static void set_number(struct loading *l, const struct conf_setting *s, const char *text)
{
	int64_t value;

	if (!read_number(s->type, text, &value)) {
		mistake(l, _("%s must be %s, not \"%s\""), s->name, wanted_form(s->type), text);
	} else if (value < s->min || value > upper_bound(s)) {
		char *bounds = bounds_text(s);

		mistake(l, _("%s must be %s, not %s"), s->name, bounds, text);
		free(bounds);
	} else {
		*number_slot(s, l->settings) = value;
	}
}

static void set_flag(struct loading *l, const struct conf_setting *s, const char *text)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
		mistake(l, _("%s must be yes or no, not \"%s\""), s->name, text);
		return;
	}
	*flag_slot(s, l->settings) = *text == 'y';
}

static bool is_choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	if (strchr(text, '|')) {
		return false;
	}
	for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL) {
		if (len > 0 && strncmp(c, text, len) == 0 && (c[len] == '|' || !c[len])) {
			return true;
		}
	}
	return false;
}

static void set_text(struct loading *l, const struct conf_setting *s, char *text)
{
	char **slot = text_slot(s, l->settings);

	free(*slot);
	*slot = text;
}

/* A settings file is moved and copied with its folder: what it names beside itself goes along. */
static char *resolve(const struct loading *l, const char *path)
{
	const char *slash = l->path ? strrchr(l->path, '/') : NULL;

	if (!slash || *path == '/' || !*path) {
		return xstrdup(path);
	}
	return xasprintf("%.*s/%s", (int)(slash - l->path), l->path, path);
}

static void set_value(struct loading *l, const struct conf_setting *s, const char *text)
{
	switch (s->type) {
	case CONF_TEXT: set_text(l, s, xstrdup(text)); break;
	case CONF_PATH: set_text(l, s, resolve(l, text)); break;
	case CONF_FLAG: set_flag(l, s, text); break;
	case CONF_COUNT:
	case CONF_BYTES:
	case CONF_DURATION: set_number(l, s, text); break;
	case CONF_CHOICE:
		if (is_choice(s->choices, text)) {
			set_text(l, s, xstrdup(text));
		} else {
			mistake(l, _("%s must be one of %s, not \"%s\""), s->name, s->choices, text);
		}
		break;
	}
}

static const char *nearest_name(const struct loading *l, const char *name)
{
	size_t least = strlen(name) / 3 + 1; /* further away it would be a guess */
	const char *nearest = NULL;

	for (size_t i = 0; i < l->n; i++) {
		size_t distance = text_distance(name, l->table[i].name);

		if (distance <= least) {
			least = distance;
			nearest = l->table[i].name;
		}
	}
	return nearest;
}

static void unknown_name(struct loading *l, const char *name)
{
	const char *nearest = nearest_name(l, name);

	if (nearest) {
		mistake(l, _("there is no setting \"%s\"; did you mean %s?"), name, nearest);
	} else {
		mistake(l, _("there is no setting \"%s\""), name);
	}
}

static int take_pair(void *context, const char *section, const char *name, const char *value)
{
	struct loading *l = context;

	(void)section; /* a line is parsed alone, so none is open */
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->table[i].name, name) != 0) {
			continue;
		}
		if (l->seen_at[i]) {
			mistake(l, _("%s is given a second time (first in line %d): delete one"), name, l->seen_at[i]);
		} else {
			l->seen_at[i] = l->line;
			set_value(l, &l->table[i], value);
		}
		return 1;
	}
	unknown_name(l, name);
	return 1;
}

/* inih cuts a long line without a word and joins indented ones, so it sees one trimmed line of a known length at a time. */
static void take_line(struct loading *l, char *line)
{
	size_t len = strlen(line);

	line += strspn(line, " \t");
	if (len > LINE_MAX_BYTES) {
		mistake(l, _("the line is longer than %d bytes"), LINE_MAX_BYTES);
	} else if (*line == '[') {
		mistake(l, _("there are no sections here: delete the line"));
	} else if (ini_parse_string(line, take_pair, l) != 0) {
		mistake(l, _("not a setting: write name = value, or # before a remark"));
	}
}

static bool text_is_readable(struct loading *l, const char *text, size_t len)
{
	size_t at;
	enum text_fault fault = text_check(text, len, &at);

	if (fault != TEXT_NOT_UTF8 && fault != TEXT_NUL) {
		return true;
	}
	l->line = 1;
	for (size_t i = 0; i < at; i++) {
		l->line += text[i] == '\n';
	}
	mistake(l, _("not a text file in UTF-8: save it as UTF-8"));
	return false;
}

static bool take_file(struct loading *l, struct err *err)
{
	size_t len;
	char *text = fsx_read(l->path, FILE_MAX_BYTES, &len, err), *rest = text, *line;

	if (!text) {
		return false;
	}
	ini_max_line = LINE_MAX_BYTES + 3; /* 200 unless told */
	if (text_is_readable(l, text, len)) {
		if (strncmp(rest, "\xEF\xBB\xBF", 3) == 0) {
			rest += 3;
		}
		for (l->line = 1; (line = strsep(&rest, "\n")); l->line++) {
			take_line(l, line);
		}
	}
	free(text);
	return true;
}

static void set_defaults(struct loading *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct conf_setting *s = &l->table[i];

		switch (s->type) {
		case CONF_TEXT:
		case CONF_PATH:
		case CONF_CHOICE: *text_slot(s, l->settings) = NULL; break;
		case CONF_FLAG: *flag_slot(s, l->settings) = false; break;
		case CONF_COUNT:
		case CONF_BYTES:
		case CONF_DURATION: *number_slot(s, l->settings) = 0; break;
		}
		if (s->initial) {
			set_value(l, s, s->initial);
		}
	}
	assert(!l->mistakes); /* a default breaks its own bounds */
}

static bool is_empty_text(const struct conf_setting *s, void *settings)
{
	char *const *slot = is_number(s->type) || s->type == CONF_FLAG ? NULL : text_slot(s, settings);

	return slot && *slot && !**slot;
}

static void demand_missing(struct loading *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct conf_setting *s = &l->table[i];

		l->line = l->seen_at[i];
		if (!s->initial && (!l->seen_at[i] || is_empty_text(s, l->settings))) {
			/* The fields of a key file have no help, and gettext("") is the catalogue's own header. */
			if (*s->help)
				mistake(l, _("%s must be given: %s"), s->name, _(s->help));
			else
				mistake(l, _("%s must be given"), s->name);
		}
	}
}

static bool report(struct loading *l, struct err *err)
{
	if (!l->mistakes) {
		return true;
	}
	if (l->unsaid) {
		err_set(err, ERR_CONFIG, _("%s\nand %zu more"), l->mistakes, l->unsaid);
	} else {
		err_set(err, ERR_CONFIG, "%s", l->mistakes);
	}
	return false;
}

bool conf_load(const struct conf_setting *table, size_t n, const char *path, void *settings, struct err *err)
{
	struct loading l = {.table = table, .n = n, .path = path, .settings = settings};
	bool done = true;

	l.seen_at = xcalloc(n, sizeof *l.seen_at);
	set_defaults(&l);
	if (path && (done = take_file(&l, err))) {
		demand_missing(&l);
	}
	done = done && report(&l, err);
	if (!done) {
		conf_clear(table, n, settings);
	}
	free(l.seen_at);
	free(l.mistakes);
	return done;
}

void conf_clear(const struct conf_setting *table, size_t n, void *settings)
{
	for (size_t i = 0; i < n; i++) {
		if (is_number(table[i].type)) {
			*number_slot(&table[i], settings) = 0;
		} else if (table[i].type == CONF_FLAG) {
			*flag_slot(&table[i], settings) = false;
		} else {
			char **slot = text_slot(&table[i], settings);

			free(*slot);
			*slot = NULL;
		}
	}
}

/* The value as one would write it; caller frees; NULL when there is none. */
static char *value_text(const struct conf_setting *s, void *settings)
{
	if (is_number(s->type)) {
		return number_text(s->type, *number_slot(s, settings));
	}
	if (s->type == CONF_FLAG) {
		return xstrdup(*flag_slot(s, settings) ? "yes" : "no");
	}
	return *text_slot(s, settings) ? xstrdup(*text_slot(s, settings)) : NULL;
}

static void print_remark(const struct conf_setting *s, FILE *out)
{
	char *bounds = is_number(s->type)       ? bounds_text(s)
		       : s->type == CONF_CHOICE ? xasprintf(_("one of %s"), s->choices)
						: NULL;

	fprintf(out, "# %s\n# ", _(s->help));
	if (s->initial) {
		fprintf(out, _("default: %s"), *s->initial ? s->initial : "\"\"");
	} else {
		fputs(_("must be given"), out);
	}
	if (bounds) {
		fprintf(out, "; %s", bounds);
	}
	fprintf(out, "; %s\n", s->reloadable ? _("taken up on reload") : _("taken up on restart"));
	free(bounds);
}

void conf_print(const struct conf_setting *table, size_t n, const void *settings, FILE *out)
{
	union {
		const void *in;
		void *out;
	} unchanged = {.in = settings}; /* the slots below are only read */

	for (size_t i = 0; i < n; i++) {
		char *value = value_text(&table[i], unchanged.out);

		print_remark(&table[i], out);
		if (value) { /* a ; behind a blank would begin a remark */
			fprintf(out, "%s =%s%s\n\n", table[i].name, *value == ';' ? "" : " ", value);
		} else {
			fprintf(out, "# %s =\n\n", table[i].name);
		}
		free(value);
	}
}

static void take_one(const struct conf_setting *s, void *settings, void *fresh)
{
	if (is_number(s->type)) {
		*number_slot(s, settings) = *number_slot(s, fresh);
	} else if (s->type == CONF_FLAG) {
		*flag_slot(s, settings) = *flag_slot(s, fresh);
	} else {
		char **old = text_slot(s, settings), **new = text_slot(s, fresh), *kept = *old;

		*old = *new;
		*new = kept;
	}
}

static bool is_same(const struct conf_setting *s, void *settings, void *fresh)
{
	char *a = value_text(s, settings), *b = value_text(s, fresh);
	bool same = a && b ? strcmp(a, b) == 0 : a == b;

	free(a);
	free(b);
	return same;
}

static void add_name(char **names, const char *name)
{
	char *all = xasprintf("%s%s%s", *names ? *names : "", *names ? ", " : "", name);

	free(*names);
	*names = all;
}

static size_t struct_size(const struct conf_setting *table, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++) {
		size = table[i].offset + sizeof(int64_t) > size ? table[i].offset + sizeof(int64_t) : size;
	}
	return size;
}

bool conf_reload(const struct conf_setting *table, size_t n, const char *path, void *settings, char **ret_kept,
		 struct err *err)
{
	void *fresh = xcalloc(1, struct_size(table, n));
	bool done = conf_load(table, n, path, fresh, err);

	*ret_kept = NULL;
	for (size_t i = 0; done && i < n; i++) {
		if (is_same(&table[i], settings, fresh)) {
			continue;
		}
		if (table[i].reloadable) {
			take_one(&table[i], settings, fresh);
		} else {
			add_name(ret_kept, table[i].name);
		}
	}
	conf_clear(table, n, fresh);
	free(fresh);
	return done;
}

struct peek {
	const char *name;
	char *value;
};

static int peek_pair(void *context, const char *section, const char *name, const char *value)
{
	struct peek *p = context;

	(void)section;
	if (!p->value && strcmp(name, p->name) == 0) {
		p->value = xstrdup(value);
	}
	return 1;
}

bool conf_peek(const char *path, const char *name, char **ret, struct err *err)
{
	struct peek p = {.name = name};
	size_t len;
	char *text = fsx_read(path, FILE_MAX_BYTES, &len, err), *rest = text, *line;

	*ret = NULL;
	if (!text) {
		return false;
	}
	ini_max_line = LINE_MAX_BYTES + 3;
	while ((line = strsep(&rest, "\n"))) {
		line += strspn(line, " \t");
		if (strlen(line) <= LINE_MAX_BYTES && *line != '[') {
			(void)ini_parse_string(line, peek_pair, &p); /* what is no pair is its own program's matter */
		}
	}
	free(text);
	*ret = p.value;
	return true;
}
