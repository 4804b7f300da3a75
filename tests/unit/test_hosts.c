/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void same(const char *is, const char *expected)
{
	if (expected)
		assert_string_equal(is, expected);
	else
		assert_null(is);
}

static void lists_are_turned(void **state)
{
	(void)state;
	static const struct {
		const char *conninfo;
		size_t first, n;
		const char *host, *hostaddr, *port;
	} cases[] = {
	    {"dbname=tram", 0, 1, NULL, NULL, NULL},
	    {"host=a dbname=tram", 3, 1, NULL, NULL, NULL},
	    {"host=a,b", 0, 2, NULL, NULL, NULL},
	    {"host=a,b", 1, 2, "b,a", NULL, NULL},
	    {"host=a,b", 2, 2, NULL, NULL, NULL},
	    {"host=a,b,c port=1,2,3", 1, 3, "b,c,a", NULL, "2,3,1"},
	    {"host=a,b,c port=1,2,3", 5, 3, "c,a,b", NULL, "3,1,2"},
	    {"host=a,b port=5432", 1, 2, "b,a", NULL, NULL}, /* one port for both */
	    {"hostaddr=10.0.0.1,10.0.0.2", 1, 2, NULL, "10.0.0.2,10.0.0.1", NULL},
	    {"host=a,b hostaddr=10.0.0.1,10.0.0.2", 1, 2, "b,a", "10.0.0.2,10.0.0.1", NULL},
	    {"postgresql://u@a:1,b:2/tram", 1, 2, "b,a", NULL, "2,1"},
	    {"host=/run/a,/run/b", 1, 2, "/run/b,/run/a", NULL, NULL},
	    {"host=a,b port=,2", 1, 2, "b,a", NULL, "2,"}, /* an empty one is the default */
	    {"no connection string", 1, 0, NULL, NULL, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct hosts h = hosts_from(cases[i].conninfo, cases[i].first);
		print_message("%s from %zu\n", cases[i].conninfo, cases[i].first);
		assert_int_equal(h.n, cases[i].n);
		same(h.host, cases[i].host);
		same(h.hostaddr, cases[i].hostaddr);
		same(h.port, cases[i].port);
		hosts_clear(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lists_are_turned)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
