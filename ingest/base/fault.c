/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define ARMED_MAX 8

const struct fault_moment fault_table[FAULTS] = {
#define FAULT(id, name, moment) {name, moment},
#include "fault.def"
#undef FAULT
};

static const struct {
	const char *name;
	int signal;
} actions[] = {{"kill", SIGKILL}, {"stop", SIGSTOP}, {"abort", SIGABRT}};

static struct {
	struct {
		enum fault_id id;
		unsigned long hit;
		size_t action;
		atomic_ulong hits;
	} armed[ARMED_MAX];
	size_t n;
	const char *when;
} plan;
static pthread_once_t planned = PTHREAD_ONCE_INIT;

static size_t find_fault(const char *name)
{
	size_t i = 0;
	while (i < FAULTS && strcmp(fault_table[i].name, name) != 0)
		i++;
	return i;
}

static size_t find_action(const char *name)
{
	size_t i = 0;
	while (i < sizeof actions / sizeof actions[0] && strcmp(actions[i].name, name) != 0)
		i++;
	return i;
}

static void refuse_plan(const char *part)
{
	fprintf(stderr,
		"TRAM_FAULT: \"%s\" is not name:hit:action with a name of fault.def, a hit from 1, and kill, stop or "
		"abort\n",
		part);
	exit(EX_USAGE);
}

static void arm(const char *part)
{
	char name[64], action[16];
	unsigned long hit = 0;
	bool whole = plan.n < ARMED_MAX && sscanf(part, "%63[^:]:%lu:%15s", name, &hit, action) == 3 && hit > 0;
	if (!whole || find_fault(name) == FAULTS || find_action(action) == sizeof actions / sizeof actions[0])
		refuse_plan(part);
	plan.armed[plan.n].id = (enum fault_id)find_fault(name);
	plan.armed[plan.n].hit = hit;
	plan.armed[plan.n++].action = find_action(action);
}

static void read_plan(void)
{
	const char *text = getenv("TRAM_FAULT");
	char *copy = strdup(text ? text : ""), *rest = copy;
	plan.when = getenv("TRAM_FAULT_WHEN");
	for (char *part; copy && (part = strsep(&rest, ",")) != NULL;)
		if (*part)
			arm(part);
	free(copy);
}

static void strike(size_t i)
{
	char line[128];
	int len = snprintf(line, sizeof line, "fault: %s, hit %lu: %s\n", fault_table[plan.armed[i].id].name,
			   plan.armed[i].hit, actions[plan.armed[i].action].name);
	if (write(STDERR_FILENO, line, (size_t)len) != len)
		abort();
	raise(actions[plan.armed[i].action].signal);
}

void fault_point(enum fault_id id)
{
	pthread_once(&planned, read_plan);
	if (plan.n == 0 || (plan.when && access(plan.when, F_OK) != 0))
		return;
	for (size_t i = 0; i < plan.n; i++)
		if (plan.armed[i].id == id && atomic_fetch_add(&plan.armed[i].hits, 1) + 1 == plan.armed[i].hit)
			strike(i);
}
