/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox_faults - the agent's outbox under every fault of its disk. README.md says what is simulated.
 *
 *     outbox_faults [--seed S] [--steps N] [--every K] [CLASS[:N[:V]]] ...
 */
#include "cell.h"

#include "fsx.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SEED  1
#define STEPS 200

struct class
{
	const char *name;
	cells_fn *run;
	uint64_t every; /* in a whole run: one cell in so many */
	uint64_t rarer; /* in a short run: so many times rarer still */
	bool is_large;
	const char *what;
};

static const struct class classes[] = {
    {"kill", cells_kill, 1, 20, false, "killed before and after every change of the disk"},
    {"torn-write", cells_torn_write, 1, 20, false, "killed within a write"},
    {"power-none", cells_power_none, 1, 20, false, "power lost: nothing that was not synced survives"},
    {"power-some", cells_power_some, 2, 10, false, "power lost: a random part of the sectors survives"},
    {"double", cells_double, 20, 1, false, "killed, or power lost, again while a crash is recovered from"},
    {"eio", cells_eio, 1, 20, false, "a call fails once"},
    {"eio-lasting", cells_eio_lasting, 3, 10, false, "a call fails, and all that follow"},
    {"full-once", cells_full_once, 2, 10, false, "the disk is full for one write"},
    {"full-lasting", cells_full_lasting, 4, 5, false, "the disk is full for every write, for some steps"},
    {"full-growing", cells_full_growing, 4, 5, false, "the disk is full for writes that make a file grow"},
    {"memory", cells_memory, 8, 10, false, "SQLite gets no memory once"},
    {"large-kill", cells_kill, 60, 5, true,
     "killed, with hand-ins that do not fit into memory and a log that is folded"},
    {"large-power", cells_power_some, 250, 5, true, "the same, power lost: a random part survives"},
    {"large-none", cells_power_none, 60, 5, true, "the same, power lost: nothing that was not synced survives"},
    {"large-eio", cells_eio, 60, 5, true, "the same, a call fails once"},
    {"large-full", cells_full_lasting, 80, 5, true, "the same, the disk is full for every write, for some steps"},
    {"flip", cells_flip, 1, 20, false, "a bit of the closed file is another"},
    {"flip-bare", cells_flip_bare, 1, 20, false, "a bit of a report is another in a file without checksums"},
    {"cut", cells_cut, 1, 5, false, "the closed file is shorter"},
    {"copy", cells_copy, 1, 20, false, "file and log are an older copy, of different times, or gone"},
};
#define CLASSES (sizeof classes / sizeof classes[0])

/* ---------------------------------------------------------------- what is random is the same each time */

static uint64_t sodium_state;

static const char *our_name(void)
{
	return "tram-test";
}

static uint32_t our_random(void)
{
	return (uint32_t)disk_random(&sodium_state);
}

static void our_buf(void *const ret, const size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)ret)[i] = (uint8_t)our_random();
}

static struct randombytes_implementation our_randombytes = {
    .implementation_name = our_name, .random = our_random, .buf = our_buf};

/* ---------------------------------------------------------------- running */

static const struct cells *current;

/* A bug ended everything: which cell it was must still be heard. */
static void on_crash(int number)
{
	char line[256];
	int len = snprintf(line, sizeof line,
			   "FAILED %s:%" PRIu64 ":%" PRIu64 ": signal %d\n  again: outbox_faults --seed %" PRIu64
			   " --steps %u %s:%" PRIu64 ":%" PRIu64 "\n",
			   current->name, current->n, current->v, number, current->seed, current->steps, current->name,
			   current->n, current->v);
	if (write(STDOUT_FILENO, line, (size_t)len) < 0)
		_exit(71);
	signal(number, SIG_DFL);
	raise(number);
}

static int64_t milliseconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Returns how many cells failed. */
static uint64_t run_class(const struct class *class, struct cells c)
{
	int64_t began = milliseconds();
	c.name = class->name;
	c.is_large = class->is_large;
	c.is_sample = c.every > 1;
	c.every = c.every * class->every * (c.is_sample ? class->rarer : 1);
	current = &c;
	sodium_state = c.seed;
	class->run(&c);
	int64_t took = milliseconds() - began;
	printf("%-12s %6" PRIu64 " cells of %" PRIu64 ", %" PRIu64 " faults fired, %" PRIu64 " failed, seed %" PRIu64
	       ", %" PRId64 ".%03" PRId64 " s: %s\n",
	       c.name, c.run, c.met, c.fired, c.failed, c.seed, took / 1000, took % 1000, class->what);
	if (c.named + c.same + c.told_wrong)
		printf("%-12s %6" PRIu64 " named by the outbox, %" PRIu64 " without effect, %" PRIu64
		       " only in what is shown beside a report\n",
		       "", c.named, c.same, c.told_wrong);
	fflush(stdout);
	if (c.run == 0 || c.fired == 0) {
		printf("FAILED %s: no fault fired\n", c.name);
		c.failed++;
	}
	return c.failed;
}

/* CLASS[:N[:V]] */
static const struct class *parse_cell(const char *text, struct cells *c)
{
	char name[32];
	int64_t n = -1, v = -1;
	if (sscanf(text, "%31[a-z-]:%" SCNd64 ":%" SCNd64, name, &n, &v) < 1)
		return NULL;
	c->only_n = n;
	c->only_v = v;
	for (size_t i = 0; i < CLASSES; i++)
		if (strcmp(classes[i].name, name) == 0)
			return &classes[i];
	return NULL;
}

static int usage(void)
{
	fprintf(stderr, "usage: outbox_faults [--seed S] [--steps N] [--every K] [CLASS[:N[:V]]] ...\nclasses:\n");
	for (size_t i = 0; i < CLASSES; i++)
		fprintf(stderr, "  %-14s %s\n", classes[i].name, classes[i].what);
	return 64;
}

static bool parse_options(int argc, char **argv, struct cells *c)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
						{"steps", required_argument, NULL, 'n'},
						{"every", required_argument, NULL, 'e'},
						{NULL, 0, NULL, 0}};
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 's': c->seed = strtoull(optarg, NULL, 10); break;
		case 'n': c->steps = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'e': c->every = strtoull(optarg, NULL, 10); break;
		default: return false;
		}
	}
	return c->steps >= 10 && c->steps <= 1000 && c->every >= 1;
}

/* Every class, or those named. Returns how many cells failed. */
static uint64_t run_all(int argc, char **argv, struct cells c)
{
	uint64_t failed = 0;
	for (size_t i = 0; argc == 0 && i < CLASSES; i++)
		failed += run_class(&classes[i], c);
	for (int i = 0; i < argc; i++)
		failed += run_class(parse_cell(argv[i], &c), c);
	return failed;
}

int main(int argc, char **argv)
{
	struct cells c = {.seed = SEED, .steps = STEPS, .every = 1, .only_n = -1, .only_v = -1};
	char dir[] = "/tmp/tram-outbox-faults-XXXXXX", steps[512], *stand_in;
	if (!parse_options(argc, argv, &c))
		return usage();
	for (int i = optind; i < argc; i++)
		if (!parse_cell(argv[i], &(struct cells){0}))
			return usage();
	if (!mkdtemp(dir) || randombytes_set_implementation(&our_randombytes) != 0 || sodium_init() < 0)
		return 71;
	c.dir = dir;
	stand_in = fsx_join(dir, OUTBOX_FILE);
	close(open(stand_in, O_CREAT | O_WRONLY, 0600));
	memory_install();
	shim_install();
	signal(SIGSEGV, on_crash);
	signal(SIGABRT, on_crash);
	workload_describe(c.seed, c.steps, steps, sizeof steps);
	printf("seed %" PRIu64 ", %u steps: %s\n", c.seed, c.steps, steps);
	uint64_t failed = run_all(argc - optind, argv + optind, c);
	unlink(stand_in);
	free(stand_in);
	rmdir(dir);
	return failed > 0;
}
