/* SPDX-License-Identifier: Apache-2.0 */
#include "waiting.h"

#include "mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Jobs in the order in which they came. */
struct line {
	struct job *first, *last;
};

/* An agent that was ever heard of: there are as many as the roster has. */
struct stander {
	struct stander *before, *after; /* among those who wait */
	char agent[65];
	struct line line;
	struct job *next;  /* for the group being filled */
	uint64_t served;   /* work done, as if all had begun together */
	uint64_t in_group; /* on top of that, in the group being filled */
	uint64_t since;    /* work done since it came in */
	bool took_part;
	bool has_more; /* had a turn, and still waits */
};

struct waiting {
	struct stander **all;
	size_t n_all;
	struct stander *first, *last; /* those who wait, in the order in which they came back */
	struct line questions;
	size_t n, n_hellos;
	uint64_t now;      /* how far those were served whose turn it was last */
	uint64_t furthest; /* of all */
	uint64_t reached;  /* as now, in the group being filled */
	bool apart;        /* the group being filled is to be of those who have just come, if there are any */
	bool has_new, held_back, was_apart;
};

struct waiting *waiting_new(void)
{
	return xcalloc(1, sizeof(struct waiting));
}

/* ---------------------------------------------------------------- lines */

static void append(struct line *line, struct job *job)
{
	job->next = NULL;
	if (line->last)
		line->last->next = job;
	else
		line->first = job;
	line->last = job;
}

static void unlink_job(struct line *line, struct job *job)
{
	struct job *before = NULL;
	for (struct job *j = line->first; j != job; j = j->next)
		before = j;
	if (before)
		before->next = job->next;
	else
		line->first = job->next;
	if (line->last == job)
		line->last = before;
	job->next = NULL;
}

static void free_line(struct line *line)
{
	for (struct job *job; (job = line->first);) {
		unlink_job(line, job);
		job_free(&job);
	}
}

void waiting_free(struct waiting **wp)
{
	struct waiting *w = *wp;
	if (!w)
		return;
	for (size_t i = 0; i < w->n_all; i++) {
		free_line(&w->all[i]->line);
		free(w->all[i]);
	}
	free_line(&w->questions);
	free(w->all);
	free(w);
	*wp = NULL;
}

/* ---------------------------------------------------------------- who waits */

static struct stander *find(const struct waiting *w, const char *agent)
{
	for (size_t i = 0; i < w->n_all; i++)
		if (strcmp(w->all[i]->agent, agent) == 0)
			return w->all[i];
	return NULL;
}

static struct stander *find_or_make(struct waiting *w, const char *agent)
{
	struct stander *s = find(w, agent);
	if (s)
		return s;
	s = xcalloc(1, sizeof(*s));
	snprintf(s->agent, sizeof(s->agent), "%s", agent);
	w->all = xreallocarray(w->all, w->n_all + 1, sizeof(*w->all));
	w->all[w->n_all++] = s;
	return s;
}

/* Where nobody waits, nobody is behind. */
static void come_in(struct waiting *w, struct stander *s)
{
	if (!w->first)
		w->now = w->furthest;
	if (s->served < w->now)
		s->served = w->now;
	s->since = 0;
	s->before = w->last;
	s->after = NULL;
	if (w->last)
		w->last->after = s;
	else
		w->first = s;
	w->last = s;
}

static void go_out(struct waiting *w, struct stander *s)
{
	if (s->before)
		s->before->after = s->after;
	else
		w->first = s->after;
	if (s->after)
		s->after->before = s->before;
	else
		w->last = s->before;
	s->before = s->after = NULL;
}

static void take_out(struct waiting *w, struct stander *s, struct job *job)
{
	if (s->next == job)
		s->next = job->next;
	unlink_job(&s->line, job);
	w->n--;
	w->n_hellos -= job->kind == JOB_HELLO;
	if (!s->line.first) {
		s->has_more = false;
		go_out(w, s);
	}
}

void waiting_put(struct waiting *w, struct job *job)
{
	w->n++;
	if (job->kind != JOB_HELLO && job->kind != JOB_PUBLISH) {
		append(&w->questions, job);
		return;
	}
	struct stander *s = find_or_make(w, job->agent);
	if (!s->line.first)
		come_in(w, s);
	append(&s->line, job);
	w->n_hellos += job->kind == JOB_HELLO;
}

size_t waiting_count(const struct waiting *w)
{
	return w->n;
}

struct job *waiting_take_question(struct waiting *w)
{
	for (struct stander *s = w->n_hellos ? w->first : NULL; s; s = s->after) {
		struct job *job = s->line.first;
		if (job->kind == JOB_HELLO) {
			take_out(w, s, job);
			return job;
		}
	}
	struct job *job = w->questions.first;
	if (job) {
		unlink_job(&w->questions, job);
		w->n--;
	}
	return job;
}

bool waiting_has_publish(const struct waiting *w)
{
	for (const struct stander *s = w->first; s; s = s->after)
		if (s->line.first->kind == JOB_PUBLISH)
			return true;
	return false;
}

/* ---------------------------------------------------------------- a group */

void waiting_start(struct waiting *w, bool apart)
{
	for (size_t i = 0; i < w->n_all; i++) {
		w->all[i]->next = w->all[i]->line.first;
		w->all[i]->in_group = 0;
		w->all[i]->took_part = false;
	}
	w->reached = w->now;
	w->apart = apart && !w->was_apart;
	w->has_new = w->held_back = false;
}

static struct stander *whose_turn(const struct waiting *w)
{
	struct stander *least = NULL;
	for (struct stander *s = w->first; s; s = s->after) {
		bool has_one = s->next && s->next->kind == JOB_PUBLISH;
		if (has_one && (!least || s->served + s->in_group < least->served + least->in_group))
			least = s;
	}
	return least;
}

struct job *waiting_next(struct waiting *w)
{
	struct stander *s = whose_turn(w);
	w->held_back = s && s->has_more && w->apart && w->has_new;
	if (!s || w->held_back)
		return NULL;
	struct job *job = s->next;
	s->next = job->next;
	s->took_part = true;
	w->has_new |= !s->has_more;
	if (s->served + s->in_group > w->reached)
		w->reached = s->served + s->in_group;
	return job;
}

void waiting_charge(struct waiting *w, const struct job *job, uint64_t work)
{
	find(w, job->agent)->in_group += work;
}

void waiting_remove(struct waiting *w, struct job *job)
{
	take_out(w, find(w, job->agent), job);
}

bool waiting_settle(struct waiting *w, uint64_t short_work)
{
	bool had_short = false;
	for (size_t i = 0; i < w->n_all; i++) {
		struct stander *s = w->all[i];
		s->served += s->in_group;
		s->since += s->in_group;
		s->in_group = 0;
		if (s->served > w->furthest)
			w->furthest = s->served;
		had_short |= s->took_part && !s->line.first && s->since <= short_work;
		s->has_more |= s->took_part && s->line.first;
		s->took_part = false;
	}
	w->now = w->reached;
	w->was_apart = w->held_back;
	return had_short;
}
