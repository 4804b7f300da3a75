/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"

#include "handoff.h"
#include "lang.h"
#include "mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_ARENA   ((size_t)256 << 20)
#define STOP_WAIT_MS 3000

struct loader {
	char *database;
	struct handoff *questions; /* struct loaded with what is asked; NULL is never in it */
	struct handoff *answers;
	bool busy; /* main thread's: asked and not answered */
	pthread_t thread;
};

static const unsigned stop = 0; /* a question that asks for nothing ends the thread */

void loaded_free(struct loaded **lp)
{
	struct loaded *l = *lp;
	if (!l)
		return;
	roster_free(&l->roster);
	catalogue_unref(&l->catalogue);
	free(l);
	*lp = NULL;
}

/* ---------------------------------------------------------------- the thread */

static struct roster_row row_of(const struct roster_entry *e)
{
	struct roster_row row = {.state = e->state == AGENT_ACTIVE      ? ROSTER_ACTIVE
					  : e->state == AGENT_SUSPENDED ? ROSTER_SUSPENDED
									: ROSTER_REVOKED};
	snprintf(row.agent, sizeof(row.agent), "%s", e->agent);
	memcpy(row.curve_public, e->curve_public, sizeof(row.curve_public));
	memcpy(row.signing_public, e->signing_public, sizeof(row.signing_public));
	return row;
}

static enum store_result load_roster(struct store *s, struct arena *a, struct loaded *ret)
{
	struct roster_entry *entries;
	size_t n;
	enum store_result result = store_roster(s, a, &entries, &n, &ret->err);
	if (result != STORE_OK)
		return result;
	struct roster_row *rows = xcalloc(n + 1, sizeof(*rows));
	for (size_t i = 0; i < n; i++)
		rows[i] = row_of(&entries[i]);
	ret->roster = roster_new(rows, n, &ret->err);
	free(rows);
	return ret->roster ? STORE_OK : STORE_BROKEN;
}

static enum store_result explain_mistakes(const struct catalogue_mistake *mistakes, size_t n, uint32_t version,
					  struct err *err)
{
	if (n > 0)
		err_set(err, ERR_DATA, _("catalogue %u in the store has %zu mistakes; the first: %s:%d: %s"), version,
			n, mistakes[0].file, mistakes[0].line, mistakes[0].text);
	else
		err_set(err, ERR_DATA, _("catalogue %u in the store cannot be read"), version);
	return STORE_BROKEN;
}

static enum store_result load_catalogue(struct store *s, struct arena *a, struct loaded *ret)
{
	struct catalogue_file *files;
	struct catalogue_mistake *mistakes = NULL;
	size_t n, n_mistakes = 0;
	uint32_t version;
	enum store_result result = store_catalogue(s, 0, a, &files, &n, &version, &ret->err);
	if (result != STORE_OK)
		return result;
	if (version == 0) {
		err_set(&ret->err, ERR_TEMPFAIL, _("no catalogue is loaded yet: load one with tram catalogue load"));
		return STORE_RETRY;
	}
	ret->catalogue = catalogue_new(files, n, version, &mistakes, &n_mistakes);
	if (!ret->catalogue)
		result = explain_mistakes(mistakes, n_mistakes, version, &ret->err);
	catalogue_mistakes_free(mistakes, n_mistakes);
	return result;
}

static void load(struct loader *l, struct store **store, struct loaded *ret)
{
	struct arena *arena = arena_new(LOAD_ARENA);
	ret->result = *store ? STORE_OK : store_open(l->database, "tram roster", store, &ret->err);
	if (ret->result == STORE_OK && (ret->asked & LOAD_ROSTER))
		ret->result = load_roster(*store, arena, ret);
	if (ret->result == STORE_OK && (ret->asked & LOAD_CATALOGUE))
		ret->result = load_catalogue(*store, arena, ret);
	if (ret->result != STORE_OK)
		store_close(store);
	arena_free(&arena);
}

static void *run(void *context)
{
	struct loader *l = context;
	struct store *store = NULL;
	for (bool more = true; more;) {
		struct loaded *question = handoff_take(l->questions, -1);
		more = question->asked != stop;
		if (more)
			load(l, &store, question);
		handoff_put(l->answers, question);
	}
	store_close(&store);
	return NULL;
}

/* ---------------------------------------------------------------- the main thread's side */

struct loader *loader_start(const char *database)
{
	struct loader *l = xcalloc(1, sizeof(*l));
	l->database = xstrdup(database);
	l->questions = handoff_new(2);
	l->answers = handoff_new(2);
	int failed = pthread_create(&l->thread, NULL, run, l);
	assert(!failed);
	(void)failed;
	return l;
}

static void ask(struct loader *l, unsigned what)
{
	struct loaded *question = xcalloc(1, sizeof(*question));
	question->asked = what;
	handoff_put(l->questions, question);
}

bool loader_ask(struct loader *l, unsigned what)
{
	assert(what != stop);
	if (l->busy)
		return false;
	l->busy = true;
	ask(l, what);
	return true;
}

int loader_fd(const struct loader *l)
{
	return handoff_fd(l->answers);
}

struct loaded *loader_take(struct loader *l)
{
	struct loaded *answer = handoff_try_take(l->answers);
	if (answer)
		l->busy = false;
	return answer;
}

/* Takes answers until the one to the stop; false when it does not come in time. */
static bool wait_for_end(struct loader *l)
{
	for (;;) {
		struct loaded *answer = handoff_take(l->answers, STOP_WAIT_MS);
		if (!answer)
			return false;
		bool end = answer->asked == stop;
		loaded_free(&answer);
		if (end)
			return true;
	}
}

bool loader_stop(struct loader **lp)
{
	struct loader *l = *lp;
	if (!l)
		return true;
	*lp = NULL;
	ask(l, stop);
	if (!wait_for_end(l)) {
		pthread_detach(l->thread);
		return false;
	}
	pthread_join(l->thread, NULL);
	handoff_free(&l->questions);
	handoff_free(&l->answers);
	free(l->database);
	free(l);
	return true;
}
