/* SPDX-License-Identifier: Apache-2.0 */
#include "codebook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct catalogue *catalogue;

static int setup(void **state)
{
	struct catalogue_file *files;
	struct catalogue_mistake *mistakes = NULL;
	size_t n, n_mistakes = 0;
	struct err err;
	(void)state;
	if (!catalogue_read_folder(TRAM_SOURCE_DIR "/deploy/catalogue", &files, &n, &err))
		return -1;
	catalogue = catalogue_new(files, n, 5, &mistakes, &n_mistakes);
	catalogue_mistakes_free(mistakes, n_mistakes);
	catalogue_files_free(files, n);
	return catalogue ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	catalogue_unref(&catalogue);
	return 0;
}

static bool lists(char *const *texts, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(texts[i], text) == 0)
			return true;
	return false;
}

static void a_province_gets_its_own_provider(void **state)
{
	(void)state;
	struct arena *a = arena_new(16 << 20);
	Tram__V1__Codebook *book = codebook_make(a, catalogue, "agent-63-46");
	assert_non_null(book);
	assert_int_equal(book->catalogue_version, 5);
	const struct indicator *indicators;
	assert_int_equal(book->n_indicators, catalogue_indicators(catalogue, &indicators));
	assert_int_equal(book->n_providers, 1);
	const Tram__V1__CodebookProvider *p = book->providers[0];
	assert_string_equal(p->code, "P63-46");
	assert_int_equal(p->n_areas, 1);
	assert_string_equal(p->areas[0], "63/46");
	assert_true(lists(p->dataflows, p->n_dataflows, "province_statistics"));
	assert_false(lists(p->dataflows, p->n_dataflows, "public_services"));
	arena_free(&a);
}

static void the_centre_acts_for_its_ministries(void **state)
{
	(void)state;
	struct arena *a = arena_new(16 << 20);
	Tram__V1__Codebook *book = codebook_make(a, catalogue, "agent-centre");
	assert_non_null(book);
	assert_true(book->n_providers > 1);
	for (size_t i = 0; i < book->n_providers; i++) {
		assert_true(lists(book->providers[i]->areas, book->providers[i]->n_areas, "VN"));
		assert_false(
		    lists(book->providers[i]->dataflows, book->providers[i]->n_dataflows, "province_statistics"));
	}
	arena_free(&a);
}

/* The codes of both vintages, so that a code that names another province on a day is seen at the province. */
static void areas_have_their_days(void **state)
{
	(void)state;
	struct arena *a = arena_new(16 << 20);
	Tram__V1__Codebook *book = codebook_make(a, catalogue, "agent-63-46");
	size_t old = 0, current = 0;
	for (size_t i = 0; i < book->n_areas; i++) {
		const Tram__V1__CodebookArea *area = book->areas[i];
		assert_int_equal(strlen(area->valid_from), 10);
		/* One that changed its rank meanwhile has two rows. */
		if (strncmp(area->area, "63/", 3) == 0 && strlen(area->area) == 5) {
			assert_true(strcmp(area->valid_to, "2025-06-30") <= 0 && area->valid_to[0]);
			old += strcmp(area->valid_to, "2025-06-30") == 0;
		}
		if (strncmp(area->area, "34/", 3) == 0 && strlen(area->area) == 5)
			current += area->valid_to[0] == '\0';
	}
	assert_int_equal(old, 63);
	assert_int_equal(current, 34);
	arena_free(&a);
}

static void who_acts_for_nobody_gets_no_provider(void **state)
{
	(void)state;
	struct arena *a = arena_new(16 << 20);
	assert_int_equal(codebook_make(a, catalogue, "agent-x")->n_providers, 0);
	arena_free(&a);
}

static void too_little_room_is_said(void **state)
{
	(void)state;
	for (size_t cap = 0; cap < 20000; cap += 997) {
		struct arena *a = arena_new(cap);
		assert_null(codebook_make(a, catalogue, "agent-63-46"));
		arena_free(&a);
	}
}

static void an_agents_area(void **state)
{
	(void)state;
	assert_string_equal(codebook_agent_area(catalogue, "agent-63-46"), "63/46");
	assert_string_equal(codebook_agent_area(catalogue, "agent-centre"), "VN");
	assert_string_equal(codebook_agent_area(catalogue, "agent-x"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_province_gets_its_own_provider),
	    cmocka_unit_test(the_centre_acts_for_its_ministries),
	    cmocka_unit_test(areas_have_their_days),
	    cmocka_unit_test(who_acts_for_nobody_gets_no_provider),
	    cmocka_unit_test(too_little_room_is_said),
	    cmocka_unit_test(an_agents_area),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
