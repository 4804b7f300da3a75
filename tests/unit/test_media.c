/* SPDX-License-Identifier: Apache-2.0 */
#include "media.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static void test_a_header_likes_what_it_names(void **state)
{
	static const struct media json = {"application", "json", NULL};
	static const struct media sdmx = {"application", "vnd.sdmx.data+json", "2.0.0"};
	static const struct {
		const char *accept;
		int json, sdmx;
	} cases[] = {
	    {NULL, 1000, 1000},
	    {"", 1000, 1000},
	    {" \t", 1000, 1000},
	    {"*/*", 1000, 1000},
	    {"application/json", 1000, 0},
	    {"APPLICATION/Json", 1000, 0},
	    {"application/*", 1000, 1000},
	    {"application/*;q=0.5, application/json;q=0.2", 200, 500},
	    {"application/json;q=0.2, application/*;q=0.5", 200, 500},
	    {"text/html, */*;q=0.8", 800, 800},
	    {"application/json;q=0, */*", 0, 1000},
	    {"application/vnd.sdmx.data+json;version=2.0.0", 0, 1000},
	    {"application/vnd.sdmx.data+json; version=2.0.0; labels=id", 0, 1000},
	    {"application/vnd.sdmx.data+json ; Version = \"2.0.0\" ; q=0.125", 0, 125},
	    {"application/vnd.sdmx.data+json;version=1.0.0", 0, 0},
	    {"application/vnd.sdmx.data+json;version=1.0.0, application/vnd.sdmx.data+json;q=0.1", 0, 100},
	    {"application/vnd.sdmx.data+json", 0, 1000},
	    {"application/json;q=1.001", 0, 0},
	    {"application/json;q=2", 0, 0},
	    {"application/json;q=.5", 0, 0},
	    {"application/json;q=0.1234", 0, 0},
	    {"application/json;q=", 0, 0},
	    {"application/json;q=1.", 1000, 0},
	    {"application/json;comment=\"a, \\\"b;q=0\";q=0.7", 700, 0},
	    {"application", 0, 0},
	    {"application/json text/csv", 0, 0},
	    {",,application/json,,", 1000, 0},
	    {"application/json;;;q=0.3", 300, 0},
	    {"\"", 0, 0},
	    {"application/json;q=\"0.5\\", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (media_quality(cases[i].accept, &json) != cases[i].json ||
		    media_quality(cases[i].accept, &sdmx) != cases[i].sdmx) {
			fail_msg("%s: %d and %d", cases[i].accept, media_quality(cases[i].accept, &json),
				 media_quality(cases[i].accept, &sdmx));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_header_likes_what_it_names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
