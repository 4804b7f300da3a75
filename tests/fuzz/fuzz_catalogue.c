/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as one file of a small catalogue, which the first byte chooses: every mistake is told, or everything is linked. */
#include "fuzz.h"
#include "small_catalogue.h"

static const char *const names[] = {"words.csv",       "rules.csv",      "justifications.csv",  "parameters.csv",
				    "cross_rules.csv", "references.csv", "reference_rules.csv", "indicators.csv"};

static void expect_told(const struct catalogue_mistake *mistakes, size_t n)
{
	MUST(n > 0);
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		MUST(*mistakes[i].text && mistakes[i].line >= 0);
		while (catalogue_file_names[k] && strcmp(catalogue_file_names[k], mistakes[i].file) != 0)
			k++;
		MUST(catalogue_file_names[k]);
	}
}

static void expect_rules(const struct catalogue *c)
{
	const struct word *words;
	const struct rule *rules;
	size_t n_words = catalogue_words(c, &words), n = catalogue_rules(c, &rules);

	MUST(n_words >= 1 && n_words <= WORDS_MAX && n >= N_BUILT_IN_RULES);
	for (size_t i = 0; i < n_words; i++)
		MUST(words[i].code && words[i].weight >= 0);
	for (size_t i = 0; i < n; i++) {
		MUST(rules[i].number == i && rules[i].word < n_words && catalogue_rule(c, rules[i].code) == &rules[i]);
		MUST(rules[i].severity >= SEVERITY_INFORM && rules[i].severity <= SEVERITY_BLOCK);
		MUST(*rules[i].title_vi && *rules[i].message_en && *rules[i].remedy_vi);
	}
	for (int i = 0; i < N_PARAMETERS; i++) {
		struct parameter_bounds bounds = catalogue_parameter_bounds((enum parameter)i);
		int64_t value = catalogue_parameter(c, (enum parameter)i);

		MUST(bounds.least <= value && value <= bounds.most);
	}
}

static void expect_comparisons(const struct catalogue *c)
{
	const struct cross_rule *cross;
	const struct reference_rule *rules;
	const struct area *area = catalogue_area_ever(c, "63/46");
	size_t n = catalogue_cross_rules(c, &cross);

	for (size_t i = 0; i < n; i++) {
		MUST(cross[i].rule && cross[i].left && cross[i].n_right > 0 && cross[i].tolerance.mantissa >= 0);
		for (size_t k = 0; k < cross[i].n_right; k++)
			MUST(cross[i].right[k].coefficient != 0 && cross[i].right[k].lag >= 0);
	}
	n = catalogue_reference_rules(c, &rules);
	for (size_t i = 0; i < n; i++) {
		const struct reference *found = catalogue_reference_on(c, &rules[i], area, 19900);

		MUST(rules[i].indicator->n_reference_rules > 0);
		MUST(!found || (found->valid_from <= 19900 && 19900 <= found->valid_to));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalogue_file files[FILES_MAX];
	struct catalogue_mistake *mistakes;
	struct catalogue *c;
	size_t n = N(small);

	if (size == 0)
		return 0;
	memcpy(files, small, sizeof small);
	n = put_file(files, n, names[*data % N(names)], (const char *)data + 1, size - 1);
	c = catalogue_new(files, n, 1, &mistakes, &n);
	if (c) {
		MUST(n == 0);
		expect_rules(c);
		expect_comparisons(c);
	} else {
		expect_told(mistakes, n);
	}
	catalogue_mistakes_free(mistakes, n);
	catalogue_unref(&c);
	return 0;
}
