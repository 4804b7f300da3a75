/* SPDX-License-Identifier: Apache-2.0 */
/* Each case is a child process: what is tested is how it ends. */
#include "fault.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

/* How a child ends that comes by A3 so many times with that plan: as waitpid() says it. */
static int end_of(const char *plan, const char *when, int times)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDERR_FILENO);
		setenv("TRAM_FAULT", plan, 1);
		if (when)
			setenv("TRAM_FAULT_WHEN", when, 1);
		for (int i = 0; i < times; i++)
			fault_point(FAULT_A3_BEFORE_TICKET);
		_exit(7);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	if (WIFSTOPPED(status)) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return status;
}

static void strikes_at_the_hit_that_was_named(void **state)
{
	(void)state;
	static const struct {
		const char *plan;
		int times, exit, killed, stopped;
	} cases[] = {
	    {"", 3, 7, 0, 0},
	    {"agent-before-ticket:1:kill", 1, 0, SIGKILL, 0},
	    {"agent-before-ticket:3:kill", 2, 7, 0, 0},
	    {"agent-before-ticket:3:kill", 3, 0, SIGKILL, 0},
	    {"agent-before-ticket:2:abort", 2, 0, SIGABRT, 0},
	    {"agent-before-ticket:2:stop", 2, 0, 0, SIGSTOP},
	    {"agent-before-send:1:kill", 5, 7, 0, 0},
	    {"agent-before-send:1:kill,agent-before-ticket:2:abort", 2, 0, SIGABRT, 0},
	    {"agent-before-ticket:0:kill", 1, EX_USAGE, 0, 0},
	    {"agent-before-ticket:1:nap", 1, EX_USAGE, 0, 0},
	    {"no-such-moment:1:kill", 1, EX_USAGE, 0, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int status = end_of(cases[i].plan, NULL, cases[i].times);
		print_message("%s, %d times\n", cases[i].plan, cases[i].times);
		if (cases[i].killed)
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == cases[i].killed);
		else if (cases[i].stopped)
			assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == cases[i].stopped);
		else
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == cases[i].exit);
	}
}

static void counts_only_once_it_is_time(void **state)
{
	(void)state;
	int early = end_of("agent-before-ticket:1:kill", "/nonexistent/now", 3);
	int late = end_of("agent-before-ticket:1:kill", "/", 3);
	assert_true(WIFEXITED(early) && WEXITSTATUS(early) == 7);
	assert_true(WIFSIGNALED(late) && WTERMSIG(late) == SIGKILL);
}

static void names_are_unique(void **state)
{
	(void)state;
	for (int i = 0; i < FAULTS; i++)
		for (int j = i + 1; j < FAULTS; j++)
			assert_string_not_equal(fault_table[i].name, fault_table[j].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strikes_at_the_hit_that_was_named),
	    cmocka_unit_test(counts_only_once_it_is_time),
	    cmocka_unit_test(names_are_unique),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
