/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"

#include "clock.h"
#include "handoff.h"
#include "lang.h"
#include "mem.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_ARENA   ((size_t)256 << 20)
#define HEARD_ARENA  ((size_t)16 << 20)
#define STOP_WAIT_MS 3000

#define SCORES_AGAIN_US      (3600 * CLOCK_SECOND)
#define CORRECTIONS_AGAIN_US (3600 * CLOCK_SECOND) /* deadlines are days */

struct loader {
	char *database;
	struct handoff *questions; /* struct loaded with what is asked; NULL is never in it */
	struct handoff *answers;
	bool busy; /* main thread's: asked and not answered */
	pthread_t thread;
	/* the thread's */
	struct store *store;        /* NULL: not connected */
	unsigned told;              /* LOAD_... that was heard and told since the last question */
	uint32_t catalogue_version; /* as read last; 0: none yet */
	int32_t scores_day;         /* in Viet Nam, of the scores that were kept last */
	int64_t scores_at_us;       /* monotonic: not before */
	int64_t corrections_at_us;  /* the same */
};

static const unsigned stop = 0; /* a question that asks for nothing ends the thread */

void loaded_free(struct loaded **lp)
{
	struct loaded *l = *lp;
	if (!l)
		return;
	roster_free(&l->roster);
	catalogue_unref(&l->catalogue);
	free(l->verdicts);
	free(l->alive);
	arena_free(&l->arena);
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

static void note_verdicts(const struct roster_entry *entries, size_t n, struct loaded *ret)
{
	ret->verdicts = xcalloc(n + 1, sizeof(*ret->verdicts));
	ret->n_verdicts = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(ret->verdicts[i].agent, sizeof(ret->verdicts[i].agent), "%s", entries[i].agent);
		ret->verdicts[i].verdict_seq = entries[i].verdict_seq;
	}
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
	note_verdicts(entries, n, ret);
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

static enum store_result parse_catalogue(struct loader *l, const struct catalogue_file *files, size_t n,
					 uint32_t version, struct loaded *ret)
{
	struct catalogue_mistake *mistakes = NULL;
	size_t n_mistakes = 0;
	enum store_result result = STORE_OK;
	ret->catalogue = catalogue_new(files, n, version, &mistakes, &n_mistakes);
	if (ret->catalogue)
		l->catalogue_version = version;
	else
		result = explain_mistakes(mistakes, n_mistakes, version, &ret->err);
	catalogue_mistakes_free(mistakes, n_mistakes);
	return result;
}

static enum store_result load_catalogue(struct loader *l, struct arena *a, struct loaded *ret)
{
	struct catalogue_file *files;
	size_t n;
	uint32_t version;
	enum store_result result = store_catalogue_version(l->store, &version, &ret->err);
	if (result != STORE_OK || (version != 0 && version == l->catalogue_version))
		return result;
	if (version == 0) {
		err_set(&ret->err, ERR_TEMPFAIL, _("no catalogue is loaded yet: load one with tram catalogue load"));
		return STORE_RETRY;
	}
	result = store_catalogue(l->store, version, a, &files, &n, &version, &ret->err);
	return result == STORE_OK ? parse_catalogue(l, files, n, version, ret) : result;
}

/* Listens before it reads, so that nothing falls between the two. */
static enum store_result have_store(struct loader *l, struct err *err)
{
	if (l->store)
		return STORE_OK;
	enum store_result result = store_open(l->database, "tram roster", &l->store, err);
	if (result == STORE_OK)
		result = store_listen(l->store, err);
	return result;
}

/* The scores are worked out once a day, which takes a second or two; while there are none yet, once an hour. */
static enum store_result keep_scores(struct loader *l, struct err *err)
{
	int32_t today = date_in_vietnam(clock_wall_us());
	int64_t now_us = clock_monotonic_us();
	int rows;
	if (today == l->scores_day || now_us < l->scores_at_us)
		return STORE_OK;
	enum store_result result = store_keep_scores(l->store, &rows, err);
	if (result == STORE_OK && rows > 0)
		l->scores_day = today;
	l->scores_at_us = now_us + SCORES_AGAIN_US;
	return result;
}

static enum store_result look_for_overdue(struct loader *l, struct loaded *ret)
{
	int64_t now_us = clock_monotonic_us();
	if (now_us < l->corrections_at_us)
		return STORE_OK;
	enum store_result result =
	    store_announce_corrections(l->store, ret->arena, &ret->overdue, &ret->n_overdue, &ret->err);
	if (result == STORE_OK)
		l->corrections_at_us = now_us + CORRECTIONS_AGAIN_US;
	return result;
}

static enum store_result announce(struct loader *l, struct loaded *ret)
{
	enum store_result result = store_tell_heard(l->store, ret->alive, ret->n_alive, &ret->err);
	if (result == STORE_OK)
		result = store_announce(l->store, ret->listening_since_us, ret->arena, &ret->announcements,
					&ret->n_announcements, &ret->err);
	if (result == STORE_OK)
		result = store_announce_decisions(l->store, ret->arena, &ret->decisions, &ret->n_decisions, &ret->err);
	if (result == STORE_OK)
		result = store_announce_closings(l->store, ret->arena, &ret->closings, &ret->n_closings, &ret->err);
	if (result == STORE_OK)
		result = store_announce_claims(l->store, ret->arena, &ret->claims, &ret->n_claims, &ret->err);
	if (result == STORE_OK)
		result = look_for_overdue(l, ret);
	return result == STORE_OK ? keep_scores(l, &ret->err) : result;
}

static void load(struct loader *l, struct loaded *ret)
{
	struct arena *arena = arena_new(LOAD_ARENA);
	ret->result = have_store(l, &ret->err);
	if (ret->result == STORE_OK && (ret->asked & LOAD_ROSTER))
		ret->result = load_roster(l->store, arena, ret);
	if (ret->result == STORE_OK && (ret->asked & LOAD_CATALOGUE))
		ret->result = load_catalogue(l, arena, ret);
	if (ret->result == STORE_OK && ret->asked == LOAD_ANNOUNCEMENTS)
		ret->result = announce(l, ret);
	if (ret->result != STORE_OK)
		store_close(&l->store);
	arena_free(&arena);
}

/* What is to be read after a notice; how far verdicts go stands beside the roster. */
static unsigned to_load(unsigned notices)
{
	return (notices & (NOTICE_ROSTER | NOTICE_VERDICTS) ? LOAD_ROSTER : 0) |
	       (notices & NOTICE_CATALOGUE ? LOAD_CATALOGUE : 0) | (notices & NOTICE_CLOSINGS ? LOAD_ANNOUNCEMENTS : 0);
}

/* A connection that has ended is made anew for the next question, which reads what was missed. */
static void hear(struct loader *l)
{
	unsigned notices;
	if (!l->store)
		return;
	if (!store_hear(l->store, &notices))
		store_close(&l->store);
	unsigned news = to_load(notices) & ~l->told;
	if (!news)
		return;
	struct loaded *notice = xcalloc(1, sizeof(*notice));
	notice->asked = LOAD_HEARD;
	notice->heard = news;
	l->told |= news;
	handoff_put(l->answers, notice);
}

static struct loaded *next_question(struct loader *l)
{
	struct loaded *question;
	for (hear(l); !(question = handoff_try_take(l->questions)); hear(l)) {
		struct pollfd fds[] = {{.fd = handoff_fd(l->questions), .events = POLLIN},
				       {.fd = l->store ? store_fd(l->store) : -1, .events = POLLIN}};
		poll(fds, 2, -1);
	}
	l->told = 0;
	return question;
}

static void *run(void *context)
{
	struct loader *l = context;
	for (bool more = true; more;) {
		struct loaded *question = next_question(l);
		more = question->asked != stop;
		if (more)
			load(l, question);
		handoff_put(l->answers, question);
	}
	store_close(&l->store);
	return NULL;
}

/* ---------------------------------------------------------------- the main thread's side */

struct loader *loader_start(const char *database)
{
	struct loader *l = xcalloc(1, sizeof(*l));
	l->database = xstrdup(database);
	l->questions = handoff_new(2);
	l->answers = handoff_new(4);
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

/* Names and software live in the question's arena. */
bool loader_tell_heard(struct loader *l, const struct agent_heard *rows, size_t n, int64_t listening_since_us)
{
	if (l->busy)
		return false;
	struct loaded *question = xcalloc(1, sizeof(*question));
	question->asked = LOAD_ANNOUNCEMENTS;
	question->arena = arena_new(HEARD_ARENA);
	question->listening_since_us = listening_since_us;
	question->alive = xcalloc(n + 1, sizeof(*rows));
	for (size_t i = 0; i < n; i++) {
		struct agent_heard row = rows[i];
		row.agent = arena_strdup(question->arena, row.agent);
		row.software = arena_strdup(question->arena, row.software);
		if (row.agent && row.software)
			question->alive[question->n_alive++] = row;
	}
	l->busy = true;
	handoff_put(l->questions, question);
	return true;
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
	if (answer && answer->asked != LOAD_HEARD)
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
