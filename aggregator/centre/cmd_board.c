/* SPDX-License-Identifier: Apache-2.0 */
/* tram board: how good each province's data are, and the one thing that costs each most. */
#include "centre.h"

#include "display.h"
#include "lang.h"
#include "mem.h"
#include "named.h"
#include "period.h"
#include "terminal.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define NATION        "VN"
#define WORDS_MAX     16
#define BOARD_COLUMNS 100
#define NAME_COLUMNS  15
#define CLOCK_COLUMNS 25 /* in time, data, agent, and what stands between columns */
#define TITLE_LEAST   12

struct board_options {
	struct centre_options centre;
	const char *on, *from, *to, *as_of, *sort, *province;
	bool keep;
};

static const struct option_row board_rows[] = {
    {"on", "DAY", OPTION_TEXT, offsetof(struct board_options, on), N_("the year of due days that ends with this day")},
    {"from", "DAY", OPTION_TEXT, offsetof(struct board_options, from), N_("what was due from this day on")},
    {"to", "DAY", OPTION_TEXT, offsetof(struct board_options, to), N_("what was due up to this day")},
    {"as-of", "TIME", OPTION_TEXT, offsetof(struct board_options, as_of),
     N_("as it was known then: 2024-07-19, or 2024-07-19T08:00:00+07:00")},
    {"sort", "BY", OPTION_TEXT, offsetof(struct board_options, sort),
     N_("score, on-time, data, agent (the worst first), name or area (score)")},
    {"province", "PROVINCE", OPTION_TEXT, offsetof(struct board_options, province),
     N_("this one only: 63/46, P63-46 or 46")},
    {"keep", NULL, OPTION_FLAG, offsetof(struct board_options, keep),
     N_("also keep the day's scores, once, as the aggregator does")},
    CENTRE_ROWS(board_options),
};

static const struct options board_spec = {
    "board",
    "[OPTION]...",
    N_("Every province's data by the words: scores from 0 to 100 of what was due in a year, figures that came in "
       "time,\n"
       "the newest period that is there, when its agent was last heard, and the rule that costs it most points. Green\n"
       "from 90, yellow from 75, red below, and red while a figure is refused for an identifier. The year is the one "
       "that\n"
       "ends with the newest due day of a period that any province has reported on, unless --on, --from or --to says\n"
       "otherwise."),
    false,
    true,
    board_rows,
    sizeof board_rows / sizeof *board_rows,
    0,
    0};

/* ---------------------------------------------------------------- what is asked */

static bool check_day(const char *option, const char *text, struct err *err)
{
	int32_t day;

	return !text || date_parse(text, &day) ||
	       err_set(err, ERR_USAGE, _("--%s %s is no day: write 2024-06-14"), option, text);
}

static bool check_sort(const char *sort, struct err *err)
{
	static const char *const known[] = {"score", "on-time", "data", "agent", "name", "area"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(sort, known[i]) == 0) {
			return true;
		}
	}
	return err_set(err, ERR_USAGE, _("--sort %s: use score, on-time, data, agent, name or area"), sort);
}

/* The day after the same day a year before: 2023-06-07 for 2024-06-06. */
static void year_before(const char *day_text, char *ret, size_t size)
{
	int32_t day;
	int year, month, of_month;

	date_parse(day_text, &day);
	date_to_civil(day, &year, &month, &of_month);
	if (month == 2 && of_month == 29) {
		of_month = 28;
	}
	date_to_civil(date_from_civil(year - 1, month, of_month) + 1, &year, &month, &of_month);
	snprintf(ret, size, "%04d-%02d-%02d", year, month, of_month);
}

/* from: room for a day. */
static bool read_question(const struct board_options *o, char from[static 16], struct board_question *ret,
			  struct err *err)
{
	*ret = (struct board_question){.as_of_us = INT64_MAX,
				       .from_day = o->from,
				       .to_day = o->on ? o->on : o->to,
				       .province = o->province,
				       .sort = o->sort ? o->sort : "score"};
	if (o->on && (o->from || o->to)) {
		return err_set(err, ERR_USAGE, _("--on is a year by itself: leave out --from and --to"));
	}
	if (!check_day("on", o->on, err) || !check_day("from", o->from, err) || !check_day("to", o->to, err) ||
	    !check_sort(ret->sort, err)) {
		return false;
	}
	if (o->on) {
		year_before(o->on, from, 16);
		ret->from_day = from;
	}
	if (ret->from_day && ret->to_day && strcmp(ret->from_day, ret->to_day) > 0) {
		return err_set(err, ERR_USAGE, _("--from %s is after --to %s"), ret->from_day, ret->to_day);
	}
	return moment_read(MOMENT_AS_OF, o->as_of, &ret->as_of_us, err);
}

/* ---------------------------------------------------------------- what is shown */

struct board {
	struct table *table;
	bool for_people;
	struct {
		char *word, *name;
	} words[WORDS_MAX];
	size_t n_words;
	size_t title_columns; /* what is left of a terminal's line for what costs most, in words */
	char *span;           /* for people, above the table, as it is not the same every day */
};

static void add_word(void *context, const char *word, const char *name_vi, const char *name_en)
{
	struct board *b = context;

	if (b->n_words < WORDS_MAX) {
		b->words[b->n_words].word = xstrdup(word);
		b->words[b->n_words++].name = xstrdup(lang_is_vi() ? name_vi : name_en);
	}
}

static size_t column_of(const char *title)
{
	size_t taken = text_columns(title);

	return 2 + (taken < 4 ? 4 : taken);
}

static void columns_for_people(struct board *b)
{
	size_t most, taken = NAME_COLUMNS + column_of(_("All")) + CLOCK_COLUMNS + strlen("  -12.3 ");

	for (size_t i = 0; i < b->n_words; i++) {
		taken += column_of(b->words[i].name);
	}
	most = terminal_columns(stdout, BOARD_COLUMNS);
	b->title_columns = taken + TITLE_LEAST < most ? most - taken : TITLE_LEAST;
	table_column(b->table, "area", _("Province"), TABLE_LEFT);
	table_column(b->table, "score", _("All"), TABLE_RIGHT);
	for (size_t i = 0; i < b->n_words; i++) {
		table_column(b->table, b->words[i].word, b->words[i].name, TABLE_RIGHT);
	}
	table_column(b->table, "on_time", _("In time"), TABLE_RIGHT);
	table_column(b->table, "data", _("Data"), TABLE_LEFT);
	table_column(b->table, "agent", _("Agent"), TABLE_RIGHT);
	table_column(b->table, "costs", _("Costs most"), TABLE_LEFT);
}

static void columns_for_programs(struct board *b)
{
	static const char *const keys[] = {"area",          "area_name",  "from_day",    "to_day",
					   "worst_rule",    "worst_cost", "worst_title", "worst_indicator",
					   "due",           "reported",   "on_time",     "late",
					   "missing",       "held",       "refused",     "on_time_rate",
					   "newest_period", "age_days",   "data_state",  "agent_state",
					   "heard_at",      "fresh",      "alive",       "agents",
					   "breaches",      "score",      "band"};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		table_column(b->table, keys[i], keys[i], TABLE_LEFT);
	}
	for (size_t i = 0; i < b->n_words; i++) {
		char *score = xasprintf("%s_score", b->words[i].word), *band = xasprintf("%s_band", b->words[i].word);

		table_column(b->table, score, score, TABLE_LEFT);
		table_column(b->table, band, band, TABLE_LEFT);
		free(score);
		free(band);
	}
}

/* One letter for what has no colours. */
static const char *letter(const char *band)
{
	static const struct {
		const char *band, *letter;
	} letters[] = {{"green", N_("G")}, {"yellow", N_("Y")}, {"red", N_("R")}};

	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
		if (strcmp(letters[i].band, band) == 0) {
			return _(letters[i].letter);
		}
	}
	return "";
}

static void cell_in_band(struct table *t, const char *text, const char *band)
{
	char *with_letter = *band && !table_has_colours(t) ? xasprintf("%s%s", text, letter(band)) : xstrdup(text);

	table_cell_coloured(t, *band ? band : NULL, with_letter);
	free(with_letter);
}

static void cell_costs(struct board *b, const struct board_row *row)
{
	struct table *t = b->table;
	const char *title = lang_is_vi() ? row->worst_title_vi : row->worst_title_en;
	char *points, *name;

	if (!row->worst_rule) {
		table_cell(t, "");
		return;
	}
	points = display_number(row->worst_cost_shown);
	name = terminal_fit(stdout, title ? title : row->worst_rule, b->title_columns);
	table_cell_printf(t, "−%s %s", points, name);
	free(points);
	free(name);
}

/* How long ago, in one unit. */
static char *how_long(int64_t seconds)
{
	if (seconds < 120) {
		return xasprintf(_("%lld s"), (long long)seconds);
	}
	if (seconds < 7200) {
		return xasprintf(_("%lld min"), (long long)(seconds / 60));
	}
	return seconds < 172800 ? xasprintf(_("%lld h"), (long long)(seconds / 3600))
				: xasprintf(_("%lld d"), (long long)(seconds / 86400));
}

static const char *data_band(const char *state)
{
	return strcmp(state, "fresh") == 0 ? "green" : strcmp(state, "overdue") == 0 ? "yellow" : "red";
}

/* A clock says something only when it is not green. */
static void cell_of_clock(struct table *t, const char *text, const char *band)
{
	if (strcmp(band, "green") == 0) {
		table_cell_coloured(t, band, text);
	} else {
		cell_in_band(t, text, band);
	}
}

static void cells_of_nation(struct table *t, const struct board_row *row)
{
	table_cell_printf(t, "%d/%d", row->fresh, row->agents);
	table_cell_printf(t, "%d/%d", row->alive, row->agents);
}

static void cells_of_clocks(struct table *t, const struct board_row *row)
{
	char *silent;

	if (strcmp(row->area, NATION) == 0) {
		cells_of_nation(t, row);
		return;
	}
	cell_of_clock(t, row->newest_period ? row->newest_period : "–",
		      row->data_state ? data_band(row->data_state) : "red");
	if (!row->agent_state || strcmp(row->agent_state, "never") == 0) {
		table_cell_coloured(t, "dim", "–");
		return;
	}
	silent = how_long(row->silent_seconds);
	cell_of_clock(t, silent, strcmp(row->agent_state, "alive") == 0 ? "green" : "yellow");
	free(silent);
}

static void cell_of_score(struct board *b, const struct board_score *score)
{
	if (b->for_people) {
		cell_in_band(b->table, score->whole_score ? score->whole_score : "–", score->band);
	} else {
		table_cell_number(b->table, score->score);
		table_cell(b->table, score->band);
	}
}

static void show_for_people(struct board *b, const struct board_row *row)
{
	struct table *t = b->table;
	char *name = terminal_fit(stdout, lang_is_vi() ? row->name_vi : row->name_en, NAME_COLUMNS);

	table_cell_coloured(t, strcmp(row->area, NATION) == 0 ? "bold" : NULL, name);
	cell_of_score(b, &row->all);
	for (size_t i = 0; i < b->n_words; i++) {
		cell_of_score(b, i < row->n_words ? &row->words[i] : &(struct board_score){.band = ""});
	}
	table_cell_printf(t, "%s%s", row->on_time_rate ? row->on_time_rate : "–", row->on_time_rate ? "%" : "");
	cells_of_clocks(t, row);
	cell_costs(b, row);
	free(name);
}

static void show_for_programs(struct board *b, const struct board_row *row)
{
	struct table *t = b->table;

	table_cell(t, row->area);
	table_cell(t, lang_is_vi() ? row->name_vi : row->name_en);
	table_cell(t, row->from_day);
	table_cell(t, row->to_day);
	table_cell(t, row->worst_rule);
	table_cell_number(t, row->worst_cost);
	table_cell(t, lang_is_vi() ? row->worst_title_vi : row->worst_title_en);
	table_cell(t, row->worst_indicator);
	table_cell_number(t, row->due);
	table_cell_number(t, row->reported);
	table_cell_number(t, row->on_time);
	table_cell_number(t, row->late);
	table_cell_number(t, row->missing);
	table_cell_number(t, row->held);
	table_cell_number(t, row->refused);
	table_cell_number(t, row->on_time_rate);
	table_cell(t, row->newest_period);
	table_cell_number(t, row->age_days);
	table_cell(t, row->data_state);
	table_cell(t, row->agent_state);
	centre_cell_time(t, false, row->heard_at_us);
	table_cell_count(t, row->fresh);
	table_cell_count(t, row->alive);
	table_cell_count(t, row->agents);
	table_cell_number(t, row->breaches);
	cell_of_score(b, &row->all);
	for (size_t i = 0; i < b->n_words; i++) {
		cell_of_score(b, i < row->n_words ? &row->words[i] : &(struct board_score){.band = ""});
	}
}

/* Of the first row, which is the nation. */
static char *span_text(const struct board_row *row)
{
	char *backfilled, *due, *out;

	if (!row->backfilled || strcmp(row->backfilled, "0") == 0) {
		return xasprintf(_("Due from %s to %s\n\n"), row->from_day, row->to_day);
	}
	backfilled = display_number(row->backfilled);
	due = display_number(row->due);
	out = xasprintf(
	    _("Due from %s to %s\n%s of %s figures came as backfills: they count as there, and not as in time\n\n"),
	    row->from_day, row->to_day, backfilled, due);
	free(backfilled);
	free(due);
	return out;
}

static void show_row(void *context, const struct board_row *row)
{
	struct board *b = context;

	if (!b->for_people) {
		show_for_programs(b, row);
		return;
	}
	if (!b->span) {
		b->span = span_text(row);
	}
	show_for_people(b, row);
}

static bool show(struct store *s, const struct board_question *q, enum table_format format, struct err *err)
{
	struct board b = {.table = table_new(format, stdout), .for_people = format == TABLE_TEXT};
	bool ok = store_words(s, add_word, &b, err) == STORE_OK;

	(b.for_people ? columns_for_people : columns_for_programs)(&b);
	table_when_empty(b.table, _("no province is scored yet"));
	ok = ok && store_board(s, q, show_row, &b, err) == STORE_OK;
	fputs(ok && b.span ? b.span : "", stdout);
	table_close(&b.table, ok);
	for (size_t i = 0; i < b.n_words; i++) {
		free(b.words[i].word);
		free(b.words[i].name);
	}
	free(b.span);
	return ok;
}

int cmd_board(int argc, char **argv)
{
	struct board_options o = {0};
	struct board_question question;
	char from[16];
	struct arena *a;
	struct store *s;
	struct err err;
	int first, status, kept;
	bool ok;

	if (!centre_parse(&board_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!read_question(&o, from, &question, &err) ||
	    !(s = centre_connect(&o.centre, o.keep ? CENTRE_ADMIN : CENTRE_READER, &err))) {
		return centre_fail(&err);
	}
	a = arena_new(SIZE_MAX);
	ok = centre_moment_came(s, MOMENT_AS_OF, o.as_of, &err) &&
	     named(s, STORE_PROVINCE, a, &question.province, &err) &&
	     (!o.keep || store_keep_scores(s, &kept, &err) == STORE_OK) &&
	     show(s, &question, o.centre.common.format, &err);
	arena_free(&a);
	store_close(&s);
	return ok ? EX_OK : centre_fail(&err);
}
