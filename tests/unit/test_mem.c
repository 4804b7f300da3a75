/* SPDX-License-Identifier: Apache-2.0 */
#include "mem.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void sizes_of_nothing(void **state)
{
	void *p = xmalloc(0), *q = xcalloc(0, 8);

	(void)state;
	p = xrealloc(p, 0);
	p = xreallocarray(p, 0, 8);
	assert_non_null(p);
	assert_non_null(q);
	free(p);
	free(q);
	free(xmemdup("", 0));
}

static void copies(void **state)
{
	char *a = xstrdup("Huế"), *b = xstrndup("Huế", 2), *c = xasprintf("%s-%d", "Q", 2);
	void *d = xmemdup("\0\1", 2);

	(void)state;
	assert_string_equal(a, "Huế");
	assert_string_equal(b, "Hu");
	assert_string_equal(c, "Q-2");
	assert_memory_equal(d, "\0\1", 2);
	free(a);
	free(b);
	free(c);
	free(d);
}

/* The overflow is told by a process of its own: it must end there. */
static void overflow_aborts(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		volatile size_t count = SIZE_MAX / 2 + 2; /* times two is two */

		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		free(xreallocarray(NULL, count, 2));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0); /* a sanitizer ends it in its own way */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes_of_nothing),
	    cmocka_unit_test(copies),
	    cmocka_unit_test(overflow_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
