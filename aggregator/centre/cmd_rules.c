/* SPDX-License-Identifier: Apache-2.0 */
/* tram rules list: what figures are judged by. */
#include "centre.h"

#include "catalogue.h"
#include "lang.h"
#include "rules.h"

#include <sysexits.h>

#define ARENA_CAP ((size_t)256 << 20) /* of the files in the store */

struct rules_options {
	struct centre_options centre;
	bool own;
	bool parameters, comparisons;
};

static const struct option_row list_rows[] = {
    {"own", NULL, OPTION_FLAG, offsetof(struct rules_options, own),
     N_("the program's own rules, without asking the database for the catalogue")},
    {"parameters", NULL, OPTION_FLAG, offsetof(struct rules_options, parameters),
     N_("the numbers that rules take from the catalogue, instead")},
    {"comparisons", NULL, OPTION_FLAG, offsetof(struct rules_options, comparisons),
     N_("the comparisons of indicators, instead")},
    CENTRE_ROWS(rules_options),
};

static const struct options list_spec = {"rules list",
					 "[OPTION]...",
					 N_("Every rule of the newest catalogue with its word and what becomes of a "
					    "figure that breaks it: refused, held until\n"
					    "it is justified, taken with a warning, or taken with a remark. What the "
					    "catalogue has changed is marked with what\n"
					    "the program has."),
					 false,
					 true,
					 list_rows,
					 sizeof list_rows / sizeof *list_rows,
					 0,
					 0};

static const char *consequence(enum severity severity)
{
	switch (severity) {
	case SEVERITY_BLOCK: return _("refused");
	case SEVERITY_JUSTIFY: return _("held");
	case SEVERITY_WARN: return _("warning");
	case SEVERITY_INFORM: return _("remark");
	}
	return "";
}

static const char *severity_code(enum severity severity)
{
	static const char *const codes[] = {
	    [0] = "", [SEVERITY_INFORM] = "I", [SEVERITY_WARN] = "W", [SEVERITY_JUSTIFY] = "J", [SEVERITY_BLOCK] = "B"};

	return codes[severity];
}

static void cell_date(struct table *t, int32_t day)
{
	char buf[16];

	table_cell(t, day == DATE_OPEN || day == DATE_ALWAYS ? NULL : date_text(day, buf));
}

static void cell_decimal(struct table *t, struct decimal d)
{
	char buf[DECIMAL_TEXT];

	table_cell_number(t, decimal_text(d, buf));
}

/* ---------------------------------------------------------------- rules */

/* "warning (program: held)" when the catalogue has changed it. */
static void cell_severity(struct table *t, const struct rule *rule, bool for_people)
{
	if (!for_people) {
		table_cell(t, severity_code(rule->severity));
	} else if (rule->built_in && rule->built_in != rule->severity) {
		table_cell_printf(t, _("%s (program: %s)"), consequence(rule->severity), consequence(rule->built_in));
	} else {
		table_cell(t, consequence(rule->severity));
	}
}

static void show_rule(struct table *t, const struct rule *rule, const struct word *word, bool for_people)
{
	bool vi = lang_is_vi();

	table_cell(t, rule->code);
	table_cell(t, for_people ? vi ? word->name_vi : word->name_en : word->code);
	cell_severity(t, rule, for_people);
	table_cell_count(t, (uint64_t)rule->weight);
	cell_date(t, rule->valid_from);
	cell_date(t, rule->valid_to);
	table_cell(t, vi ? rule->title_vi : rule->title_en);
	if (!for_people) {
		table_cell(t, vi ? rule->message_vi : rule->message_en);
		table_cell(t, vi ? rule->remedy_vi : rule->remedy_en);
		table_cell(t, severity_code(rule->built_in));
	}
}

static void list_rules(struct table *t, const struct word *words, const struct rule *rules, size_t n, bool for_people)
{
	table_column(t, "rule", _("Rule"), TABLE_LEFT);
	table_column(t, "word", _("Word"), TABLE_LEFT);
	table_column(t, "severity", _("Otherwise"), TABLE_LEFT);
	table_column(t, "weight", _("Weight"), TABLE_RIGHT);
	table_column(t, "valid_from", _("From"), TABLE_LEFT);
	table_column(t, "valid_to", _("Until"), TABLE_LEFT);
	table_column(t, "title", _("What it asks for"), TABLE_LEFT);
	if (!for_people) {
		table_column(t, "message", _("Message"), TABLE_LEFT);
		table_column(t, "remedy", _("Remedy"), TABLE_LEFT);
		table_column(t, "built_in", "built_in", TABLE_LEFT);
	}
	for (size_t i = 0; i < n; i++) {
		show_rule(t, &rules[i], &words[rules[i].word], for_people);
	}
}

/* ---------------------------------------------------------------- parameters and comparisons */

static void list_parameters(struct table *t, const struct catalogue *c)
{
	table_column(t, "parameter", _("Parameter"), TABLE_LEFT);
	table_column(t, "value", _("Value"), TABLE_RIGHT);
	table_column(t, "default", _("Default"), TABLE_RIGHT);
	table_column(t, "least", _("Least"), TABLE_RIGHT);
	table_column(t, "most", _("Most"), TABLE_RIGHT);
	table_column(t, "note", _("What it means"), TABLE_LEFT);
	for (int i = 0; i < N_PARAMETERS; i++) {
		struct parameter_bounds bounds = catalogue_parameter_bounds((enum parameter)i);

		table_cell(t, catalogue_parameter_name((enum parameter)i));
		table_cell_count(t, (uint64_t)catalogue_parameter(c, (enum parameter)i));
		table_cell_count(t, (uint64_t)bounds.value);
		table_cell_count(t, (uint64_t)bounds.least);
		table_cell_count(t, (uint64_t)bounds.most);
		table_cell(t, catalogue_parameter_note(c, (enum parameter)i, lang_is_vi()));
	}
}

static void show_comparison(struct table *t, const struct cross_rule *rule, bool for_people)
{
	table_cell(t, rule->code);
	table_cell(t, rule->rule->code);
	table_cell_printf(t, "%s %s %s", rule->left->code, cross_operator_name(rule->operator), rule->right_text);
	cell_decimal(t, rule->tolerance);
	cell_decimal(t, rule->tolerance_percent);
	table_cell(t, missing_policy_name(rule->missing));
	table_cell(t, for_people ? consequence(rule->severity) : severity_code(rule->severity));
	cell_date(t, rule->valid_from);
	cell_date(t, rule->valid_to);
	table_cell(t, lang_is_vi() ? rule->note_vi : rule->note_en);
}

static void list_comparisons(struct table *t, const struct catalogue *c, bool for_people)
{
	const struct cross_rule *rules;
	size_t n = catalogue_cross_rules(c, &rules);

	table_column(t, "code", _("Comparison"), TABLE_LEFT);
	table_column(t, "rule", _("Rule"), TABLE_LEFT);
	table_column(t, "comparison", _("What must hold"), TABLE_LEFT);
	table_column(t, "tolerance", _("Tolerance"), TABLE_RIGHT);
	table_column(t, "tolerance_percent", _("In percent"), TABLE_RIGHT);
	table_column(t, "missing", _("When missing"), TABLE_LEFT);
	table_column(t, "severity", _("Otherwise"), TABLE_LEFT);
	table_column(t, "valid_from", _("From"), TABLE_LEFT);
	table_column(t, "valid_to", _("Until"), TABLE_LEFT);
	table_column(t, "note", _("What it means"), TABLE_LEFT);
	for (size_t i = 0; i < n; i++) {
		show_comparison(t, &rules[i], for_people);
	}
}

/* ---------------------------------------------------------------- the newest catalogue */

/* NULL and *err when it cannot be read; NULL with STORE_OK when none is loaded. */
static struct catalogue *newest(struct store *s, enum store_result *ret, struct err *err)
{
	struct arena *a = arena_new(ARENA_CAP);
	struct catalogue_file *files;
	struct catalogue_mistake *mistakes = NULL;
	struct catalogue *c = NULL;
	size_t n, n_mistakes = 0;
	uint32_t version;

	*ret = store_catalogue(s, 0, a, &files, &n, &version, err);
	if (*ret == STORE_OK && n > 0) {
		c = catalogue_new(files, n, version, &mistakes, &n_mistakes);
		if (!c) {
			err_set(err, ERR_DATA, _("catalogue version %u: %s:%d: %s"), version, mistakes[0].file,
				mistakes[0].line, mistakes[0].text);
			*ret = STORE_BROKEN;
		}
	}
	catalogue_mistakes_free(mistakes, n_mistakes);
	arena_free(&a);
	return c;
}

static void show_rules(struct table *t, const struct catalogue *c, bool for_people)
{
	const struct word *words;
	const struct rule *rules;
	size_t n = catalogue_rules(c, &rules);

	catalogue_words(c, &words);
	list_rules(t, words, rules, n, for_people);
}

/* c NULL: the program's own. */
static void show(const struct rules_options *o, const struct catalogue *c)
{
	struct table *t = table_new(o->centre.common.format, stdout);
	bool for_people = o->centre.common.format == TABLE_TEXT;

	if (!c) {
		list_rules(t, built_in_words, built_in_rules, N_BUILT_IN_RULES, for_people);
	} else if (o->parameters) {
		list_parameters(t, c);
	} else if (o->comparisons) {
		list_comparisons(t, c, for_people);
	} else {
		show_rules(t, c, for_people);
	}
	table_close(&t, true);
}

static bool show_newest(const struct rules_options *o, struct err *err)
{
	struct store *s = centre_connect(&o->centre, CENTRE_READER, err);
	enum store_result result = STORE_BROKEN;
	struct catalogue *c = s ? newest(s, &result, err) : NULL;
	bool found = c;

	if (found) {
		show(o, c);
	} else if (result == STORE_OK) {
		err_set(err, ERR_CONFIG, _("no catalogue is loaded yet: tram catalogue load DIR"));
	}
	catalogue_unref(&c);
	store_close(&s);
	return found;
}

int cmd_rules_list(int argc, char **argv)
{
	struct rules_options o = {0};
	struct err err;
	int first, status;

	if (!centre_parse(&list_spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (o.own + o.parameters + o.comparisons > 1) {
		err_set(&err, ERR_USAGE, _("--own, --parameters and --comparisons are three lists: ask for one"));
		return centre_fail(&err);
	}
	if (o.own) {
		show(&o, NULL);
		return EX_OK;
	}
	return show_newest(&o, &err) ? EX_OK : centre_fail(&err);
}
