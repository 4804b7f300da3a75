/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every state that one agent, one centre and their store can come to within stated bounds, breadth first; in each of them
 * the oracle looks. And from each of them, when nothing more goes wrong, a state can be reached in which everything is
 * committed, acknowledged and judged.
 */
#include "visited.h"

#include "cheap.h"
#include "mem.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bounds {
	uint8_t reports, crashes, faults, restores;
};

/* Which bounds each depth of testing enumerates; README.md says what their union covers. */
static const struct bounds quick[] = {{4, 0, 0, 0}, {2, 1, 0, 0}, {2, 0, 1, 0}, {2, 0, 0, 1}};
static const struct bounds full[] = {{4, 2, 0, 0}, {4, 0, 1, 0}, {2, 1, 1, 0}, {2, 0, 2, 0}, {3, 1, 0, 1}};

struct search {
	struct bounds bounds;
	struct world start;
	struct visited *visited;
	struct waiting *waiting;
	uint32_t *from, *to; /* steps that cost nothing, and hand nothing in */
	size_t n_edges, edges_room;
	uint8_t *settled; /* by state */
	size_t settled_room;
	uint64_t transitions, seen[STEPS];
	unsigned depth;
	uint32_t broken_from;
	struct step broken_by;
};

/* ---------------------------------------------------------------- one state after the other */

static void note_edge(struct search *s, uint32_t from, uint32_t to)
{
	if (s->n_edges == s->edges_room) {
		s->edges_room = s->edges_room ? 2 * s->edges_room : 1u << 16;
		s->from = xreallocarray(s->from, s->edges_room, sizeof *s->from);
		s->to = xreallocarray(s->to, s->edges_room, sizeof *s->to);
	}
	s->from[s->n_edges] = from;
	s->to[s->n_edges++] = to;
}

static void note_state(struct search *s, const struct world *w, uint32_t state)
{
	if (state >= s->settled_room) {
		s->settled_room = s->settled_room ? 2 * s->settled_room : 1u << 16;
		s->settled = xrealloc(s->settled, s->settled_room);
	}
	s->settled[state] = world_is_settled(w);
	if (s->settled[state])
		oracle_look_at_rest(w);
	waiting_put(s->waiting, w, state);
}

/* All that can come of one state. False: an invariant is broken, in the state found last. */
static bool expand(struct search *s, const struct world *w, uint32_t state)
{
	static struct world next;
	struct step steps[STEPS_MOST];
	size_t n = world_steps(w, steps);
	for (size_t i = 0; i < n; i++) {
		bool is_new;
		memcpy(&next, w, sizeof next);
		world_do(&next, steps[i]);
		s->transitions++;
		s->seen[steps[i].kind]++;
		uint32_t to = visited_add(s->visited, &next, state, steps[i], &is_new);
		if (is_new)
			note_state(s, &next, to);
		if (oracle_found[0]) {
			s->broken_from = state;
			s->broken_by = steps[i];
			return false;
		}
		if (steps[i].cost == FREE)
			note_edge(s, state, to);
	}
	return true;
}

static bool search_all(struct search *s)
{
	static struct world w;
	uint32_t state, layer_ends;
	bool is_new;
	visited_add(s->visited, &s->start, NO_STATE, (struct step){0}, &is_new);
	note_state(s, &s->start, 0);
	layer_ends = 1;
	while (waiting_take(s->waiting, &w, &state)) {
		if (state == layer_ends) {
			s->depth++;
			layer_ends = (uint32_t)visited_count(s->visited);
		}
		if (!expand(s, &w, state))
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------- from everywhere, rest can be reached */

/* The steps into each state: first[to] .. first[to + 1] of the result. */
static uint32_t *edges_into(const struct search *s, size_t states, uint32_t *first)
{
	uint32_t *into = xcalloc(s->n_edges + 1, sizeof *into);
	for (size_t i = 0; i < s->n_edges; i++)
		first[s->to[i] + 1]++;
	for (size_t i = 0; i < states; i++)
		first[i + 1] += first[i];
	uint32_t *at = xcalloc(states + 1, sizeof *at);
	memcpy(at, first, (states + 1) * sizeof *at);
	for (size_t i = 0; i < s->n_edges; i++)
		into[at[s->to[i]]++] = s->from[i];
	free(at);
	return into;
}

/* A state from which no settled one can be reached by steps that cost nothing; NO_STATE: there is none. */
static uint32_t find_stuck(struct search *s)
{
	size_t states = visited_count(s->visited);
	uint32_t *first = xcalloc(states + 2, sizeof *first), *into = edges_into(s, states, first);
	uint32_t *queue = xcalloc(states + 1, sizeof *queue), stuck = NO_STATE;
	size_t head = 0, tail = 0;
	for (uint32_t i = 0; i < states; i++)
		if (s->settled[i])
			queue[tail++] = i;
	while (head < tail) {
		uint32_t state = queue[head++];
		for (uint32_t e = first[state]; e < first[state + 1]; e++)
			if (!s->settled[into[e]]) {
				s->settled[into[e]] = 1;
				queue[tail++] = into[e];
			}
	}
	for (uint32_t i = 0; i < states && stuck == NO_STATE; i++)
		if (!s->settled[i])
			stuck = i;
	free(queue);
	free(into);
	free(first);
	return stuck;
}

/* ---------------------------------------------------------------- telling */

/* And the step beyond it, if any. */
static void show_path(struct search *s, uint32_t state, const struct step *beyond)
{
	static struct step path[10000];
	size_t n = 0;
	struct world w;
	for (uint32_t at = state; n < 10000;) {
		at = visited_from(s->visited, at, &path[n]);
		if (at == NO_STATE)
			break;
		n++;
	}
	memcpy(&w, &s->start, sizeof w);
	manner.trace = stdout;
	while (n-- > 0)
		world_do(&w, path[n]);
	if (beyond)
		world_do(&w, *beyond);
	manner.trace = NULL;
}

static bool run(const struct bounds *b)
{
	struct search s = {.bounds = *b};
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	oracle_clear();
	messages_clear();
	manner.timeless = b->restores == 0;
	world_start(&s.start, 1, 1, false);
	s.start.reports_left = b->reports;
	s.start.crashes_left = b->crashes;
	s.start.faults_left = b->faults;
	s.start.restores_left = b->restores;
	s.visited = visited_new();
	s.waiting = waiting_new(&s.start);
	bool fine = search_all(&s);
	uint32_t stuck = fine ? find_stuck(&s) : NO_STATE;
	clock_gettime(CLOCK_MONOTONIC, &to);
	long tenths = ((long)(to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec) / 100000000;
	printf("<= %d reports, <= %d crashes, <= %d faults, <= %d restores: %zu states, %" PRIu64
	       " transitions, depth %u, frontier %s, %zu left; %ld.%01ld s\n",
	       b->reports, b->crashes, b->faults, b->restores, visited_count(s.visited), s.transitions, s.depth,
	       waiting_count(s.waiting) ? "NOT empty" : "empty", waiting_count(s.waiting), tenths / 10, tenths % 10);
	if (!fine) {
		char found[sizeof oracle_found];
		memcpy(found, oracle_found, sizeof found);
		printf("BROKEN. The shortest way there:\n");
		show_path(&s, s.broken_from, &s.broken_by);
		printf("BROKEN: %s\n", found);
	} else if (stuck != NO_STATE) {
		printf("STUCK. The shortest way to a state from which nothing leads to rest:\n");
		show_path(&s, stuck, NULL);
	} else {
		printf("  every invariant holds in every state, and from every state rest can be reached\n");
	}
	visited_free(&s.visited);
	waiting_free(&s.waiting);
	free(s.from);
	free(s.to);
	free(s.settled);
	fflush(stdout);
	return fine && stuck == NO_STATE;
}

static int usage(void)
{
	fprintf(stderr, "usage: model-enumerate [quick | full | REPORTS,CRASHES,FAULTS,RESTORES]\n");
	return 64;
}

static bool run_all(const struct bounds *bounds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!run(&bounds[i]))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	unsigned n[4];
	const char *depth = argc > 1 ? argv[1] : getenv("TRAM_MODEL");
	bool fine;
	manner.frozen = true;
	if (argc > 2)
		return usage();
	if (!depth || strcmp(depth, "quick") == 0) {
		fine = run_all(quick, sizeof quick / sizeof quick[0]);
	} else if (strcmp(depth, "full") == 0) {
		fine = run_all(full, sizeof full / sizeof full[0]);
	} else {
		if (sscanf(depth, "%u,%u,%u,%u", &n[0], &n[1], &n[2], &n[3]) != 4 || n[0] > REPORTS)
			return usage();
		fine = run(&(struct bounds){(uint8_t)n[0], (uint8_t)n[1], (uint8_t)n[2], (uint8_t)n[3]});
	}
	return fine ? 0 : 1;
}
