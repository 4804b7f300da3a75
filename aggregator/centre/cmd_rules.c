/* SPDX-License-Identifier: Apache-2.0 */
/* tram rules list: what figures are judged by. */
#include "centre.h"

#include "lang.h"
#include "rules.h"

#include <sysexits.h>

struct rules_options {
	struct common_options common;
};

static const struct options list_spec = {"rules list",
					 "[OPTION]...",
					 N_("Every rule with its word and what becomes of a figure that breaks it: "
					    "refused, held until it is justified, taken\n"
					    "with a warning, or taken with a remark."),
					 false,
					 true,
					 NULL,
					 0,
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
	    [SEVERITY_INFORM] = "I", [SEVERITY_WARN] = "W", [SEVERITY_JUSTIFY] = "J", [SEVERITY_BLOCK] = "B"};

	return codes[severity];
}

static void show_rule(struct table *t, const struct rule *rule, bool for_people)
{
	const struct word *word = &built_in_words[rule->word];
	bool vi = lang_is_vi();

	table_cell(t, rule->code);
	table_cell(t, for_people ? vi ? word->name_vi : word->name_en : word->code);
	table_cell(t, for_people ? consequence(rule->severity) : severity_code(rule->severity));
	table_cell(t, vi ? rule->title_vi : rule->title_en);
	if (!for_people) {
		table_cell(t, vi ? rule->message_vi : rule->message_en);
		table_cell(t, vi ? rule->remedy_vi : rule->remedy_en);
	}
}

int cmd_rules_list(int argc, char **argv)
{
	struct rules_options o = {0};
	struct table *t;
	int first, status;
	bool for_people;

	if (!centre_parse(&list_spec, argc, argv, &o.common, &first, &status)) {
		return status;
	}
	for_people = o.common.format == TABLE_TEXT;
	t = table_new(o.common.format, stdout);
	table_column(t, "rule", _("Rule"), TABLE_LEFT);
	table_column(t, "word", _("Word"), TABLE_LEFT);
	table_column(t, "severity", _("Otherwise"), TABLE_LEFT);
	table_column(t, "title", _("What it asks for"), TABLE_LEFT);
	if (!for_people) {
		table_column(t, "message", _("Message"), TABLE_LEFT);
		table_column(t, "remedy", _("Remedy"), TABLE_LEFT);
	}
	for (size_t i = 0; i < N_BUILT_IN_RULES; i++) {
		show_rule(t, &built_in_rules[i], for_people);
	}
	table_end(t);
	table_free(&t);
	return EX_OK;
}
