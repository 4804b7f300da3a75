/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aggregator's loop with real sockets, a real control socket and real signals, but without PostgreSQL: lanes and store
 * are those below, which do as they are told.
 */
int aggregator_main(int argc, char **argv);
#define main aggregator_main
#include "main.c"
#undef main

#include "clock.h"
#include "codec.h"
#include "control.pb-c.h"
#include "fsx.h"
#include "store_peers.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#define AGENT "agent-63-46"

/* ---------------------------------------------------------------- a store that says what it is told to say */

static struct {
	enum store_result result; /* of store_open() */
	uint32_t catalogue_version;
	uint32_t cut_no;              /* the newest; 0: there is none */
	enum store_result cut_result; /* of asking for it */
	struct catalogue_file *files;
	size_t n_files;
	struct roster_entry entry; /* the one agent */
	bool has_entry;
	unsigned notices; /* that wait to be heard */
	int noticed;      /* readable when there are some */
	pthread_mutex_t lock;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum store_result store_open(const char *conninfo, const char *name, struct store **ret, struct err *err)
{
	(void)conninfo;
	(void)name;
	pthread_mutex_lock(&store.lock);
	enum store_result result = store.result;
	pthread_mutex_unlock(&store.lock);
	*ret = (struct store *)(uintptr_t)1;
	if (result != STORE_OK) {
		*ret = NULL;
		err_set(err, result == STORE_BROKEN ? ERR_CONFIG : ERR_UNAVAILABLE, "the store says %d", (int)result);
	}
	return result;
}

void store_close(struct store **sp)
{
	*sp = NULL;
}

enum store_result store_roster(struct store *s, struct arena *a, struct roster_entry **ret, size_t *ret_n,
			       struct err *err)
{
	(void)s;
	(void)err;
	*ret = arena_calloc(a, 1, sizeof(**ret));
	pthread_mutex_lock(&store.lock);
	**ret = store.entry;
	*ret_n = store.has_entry;
	pthread_mutex_unlock(&store.lock);
	return STORE_OK;
}

enum store_result store_tell_heard(struct store *s, const struct agent_heard *rows, size_t n, struct err *err)
{
	(void)s;
	(void)rows;
	(void)n;
	(void)err;
	return STORE_OK;
}

enum store_result store_announce(struct store *s, int64_t listening_since_us, struct arena *a,
				 struct announcement **ret, size_t *ret_n, struct err *err)
{
	(void)s;
	(void)listening_since_us;
	(void)a;
	(void)err;
	*ret = NULL;
	*ret_n = 0;
	return STORE_OK;
}

enum store_result store_announce_decisions(struct store *s, struct arena *a, struct decision_news **ret, size_t *ret_n,
					   struct err *err)
{
	(void)s;
	(void)a;
	(void)err;
	*ret = NULL;
	*ret_n = 0;
	return STORE_OK;
}

enum store_result store_announce_closings(struct store *s, struct arena *a, struct closing_news **ret, size_t *ret_n,
					  struct err *err)
{
	(void)s;
	(void)a;
	(void)err;
	*ret = NULL;
	*ret_n = 0;
	return STORE_OK;
}

enum store_result store_announce_claims(struct store *s, struct arena *a, struct outdated_claim **ret, size_t *ret_n,
					struct err *err)
{
	(void)s;
	(void)a;
	(void)err;
	*ret = NULL;
	*ret_n = 0;
	return STORE_OK;
}

enum store_result store_announce_corrections(struct store *s, struct arena *a, struct overdue **ret, size_t *ret_n,
					     struct err *err)
{
	(void)s;
	(void)a;
	(void)err;
	*ret = NULL;
	*ret_n = 0;
	return STORE_OK;
}

enum store_result store_keep_scores(struct store *s, int *ret_rows, struct err *err)
{
	(void)s;
	(void)err;
	*ret_rows = 0;
	return STORE_OK;
}

enum store_result store_listen(struct store *s, struct err *err)
{
	(void)s;
	(void)err;
	return STORE_OK;
}

int store_fd(const struct store *s)
{
	(void)s;
	return store.noticed;
}

bool store_hear(struct store *s, unsigned *ret)
{
	(void)s;
	eventfd_t n;
	pthread_mutex_lock(&store.lock);
	(void)eventfd_read(store.noticed, &n);
	*ret = store.notices;
	store.notices = 0;
	pthread_mutex_unlock(&store.lock);
	return true;
}

static void notify(enum store_notice notice)
{
	pthread_mutex_lock(&store.lock);
	store.notices |= (unsigned)notice;
	pthread_mutex_unlock(&store.lock);
	assert_int_equal(eventfd_write(store.noticed, 1), 0);
}

enum store_result store_catalogue_version(struct store *s, uint32_t *ret, struct err *err)
{
	(void)s;
	(void)err;
	pthread_mutex_lock(&store.lock);
	*ret = store.catalogue_version;
	pthread_mutex_unlock(&store.lock);
	return STORE_OK;
}

enum store_result store_catalogue(struct store *s, uint32_t version, struct arena *a, struct catalogue_file **ret,
				  size_t *ret_n, uint32_t *ret_version, struct err *err)
{
	(void)s;
	(void)version;
	(void)a;
	(void)err;
	pthread_mutex_lock(&store.lock);
	*ret = store.files;
	*ret_n = store.n_files;
	*ret_version = store.catalogue_version;
	pthread_mutex_unlock(&store.lock);
	return STORE_OK;
}

void store_set_patience(struct store *s, int64_t us)
{
	(void)s;
	(void)us;
}

enum store_result store_cut_state(struct store *s, const struct peer_cut *given, struct cut_state *ret, struct err *err)
{
	(void)s;
	pthread_mutex_lock(&store.lock);
	enum store_result result = store.cut_result;
	*ret = (struct cut_state){.newest.no = store.cut_no, .has_given = given != NULL};
	pthread_mutex_unlock(&store.lock);
	if (result != STORE_OK)
		err_set(err, ERR_CONFIG, "the store says %d", (int)result);
	return result;
}

enum store_result store_make_cut(struct store *s, const struct peer_cut *newest, uint32_t horizon, int most,
				 bool *ret_made, struct err *err)
{
	(void)s;
	(void)newest;
	(void)horizon;
	(void)most;
	(void)err;
	*ret_made = false;
	return STORE_OK;
}

enum store_result store_peers(struct store *s, const struct peer_cut *cut, const struct peers *before,
			      struct peers **ret, struct err *err)
{
	(void)s;
	(void)err;
	*ret = peers_new(cut, before, NULL, 0, NULL, 0);
	return STORE_OK;
}

static void set_cut(uint32_t no, enum store_result result)
{
	pthread_mutex_lock(&store.lock);
	store.cut_no = no;
	store.cut_result = result;
	pthread_mutex_unlock(&store.lock);
}

static void set_store(enum store_result result)
{
	pthread_mutex_lock(&store.lock);
	store.result = result;
	pthread_mutex_unlock(&store.lock);
}

static void set_catalogue_version(uint32_t version)
{
	pthread_mutex_lock(&store.lock);
	store.catalogue_version = version;
	pthread_mutex_unlock(&store.lock);
}

static void set_verdict_seq(uint64_t seq)
{
	pthread_mutex_lock(&store.lock);
	store.entry.verdict_seq = seq;
	pthread_mutex_unlock(&store.lock);
}

static void set_entry(const struct keys *keys, int state)
{
	pthread_mutex_lock(&store.lock);
	store.entry.agent = AGENT;
	memcpy(store.entry.curve_public, keys->curve_public, sizeof(store.entry.curve_public));
	memcpy(store.entry.signing_public, keys->sign_public, sizeof(store.entry.signing_public));
	store.entry.state = state;
	store.has_entry = true;
	pthread_mutex_unlock(&store.lock);
}

/* ---------------------------------------------------------------- a lane that commits whatever it gets */

struct lane {
	struct handoff *jobs, *results;
	pthread_t thread;
	atomic_bool abandoned;
	uint64_t seq;
};

static struct {
	atomic_bool holds_commits; /* a PUBLISH waits until this is false */
	atomic_bool has_begun;     /* … and says here that it is waiting */
	atomic_int events;         /* of a commit */
	atomic_bool ignores_stop;
	atomic_uint catalogue_version;
	atomic_uint cut_no;
	struct lane *last;
} lanes_told;

void job_free(struct job **jp)
{
	if (*jp) {
		free((*jp)->data);
		catalogue_unref(&(*jp)->catalogue);
		peers_unref(&(*jp)->peers);
	}
	free(*jp);
	*jp = NULL;
}

void result_free(struct result **rp)
{
	if (*rp)
		arena_free(&(*rp)->arena);
	free(*rp);
	*rp = NULL;
}

static struct result *result_for(const struct job *job, enum result_kind kind)
{
	struct result *r = xcalloc(1, sizeof(*r));
	r->kind = kind;
	r->arena = arena_new(1 << 20);
	if (job) {
		memcpy(r->agent, job->agent, sizeof(r->agent));
		r->session = job->session;
		r->peer = job->peer;
	}
	return r;
}

static void put_verdict(struct result *r, uint64_t verdict_seq)
{
	r->verdicts = arena_alloc(r->arena, sizeof(*r->verdicts));
	r->verdicts[0] = arena_alloc(r->arena, sizeof(**r->verdicts));
	tram__v1__verdict__init(r->verdicts[0]);
	r->verdicts[0]->verdict_seq = verdict_seq;
	r->verdicts[0]->outcomes = arena_alloc(r->arena, sizeof(Tram__V1__Outcome));
	r->verdicts[0]->outcomes[0] = TRAM__V1__OUTCOME__OUTCOME_HELD;
	r->verdicts[0]->n_outcomes = 1;
	r->n_verdicts = 1;
	r->n_reports = 3; /* of which one has no figure; two verdicts did not fit */
	r->n_poisoned = 2;
	r->n_outcomes[OUTCOME_HELD] = 5;
}

static void put_events(struct result *r)
{
	r->n_events = (size_t)atomic_load(&lanes_told.events);
	r->events = arena_calloc(r->arena, r->n_events, sizeof(*r->events));
	for (size_t i = 0; i < r->n_events; i++) {
		r->events[i] = arena_alloc(r->arena, sizeof(**r->events));
		tram__v1__event__init(r->events[i]);
		r->events[i]->name = arena_strdup(r->arena, "report.committed");
		r->events[i]->area = arena_strdup(r->arena, "63/46");
		r->events[i]->severity = TRAM__V1__SEVERITY__SEVERITY_JUSTIFY;
	}
}

static struct result *commit(struct lane *l, const struct job *job)
{
	struct result *r = result_for(job, RESULT_COMMITTED);
	Tram__V1__Envelope *e = codec_envelope(r->arena, job->data, job->len, NULL);
	while (atomic_load(&lanes_told.holds_commits) && !atomic_load(&l->abandoned))
		atomic_store(&lanes_told.has_begun, true);
	memcpy(r->epoch.bytes, e->publish->epoch.data, EPOCH_SIZE);
	l->seq += e->publish->count;
	r->seq = r->verdict_seq = l->seq;
	r->committed_at_us = 1;
	r->payload_bytes = e->publish->payload.len;
	r->batches = 1;
	put_verdict(r, l->seq);
	put_events(r);
	return r;
}

static struct result *serve_job(struct lane *l, struct job *job)
{
	struct result *r = NULL;
	switch (job->kind) {
	case JOB_HELLO: r = result_for(job, RESULT_SUBSCRIBE); break;
	case JOB_PUBLISH: r = commit(l, job); break;
	case JOB_CHECK:
		r = result_for(job, RESULT_CHECKED);
		put_verdict(r, 0);
		r->check_id = 7;
		break;
	case JOB_CATALOGUE: atomic_store(&lanes_told.catalogue_version, catalogue_version(job->catalogue)); break;
	case JOB_PEERS: atomic_store(&lanes_told.cut_no, peers_cut(job->peers)->no); break;
	case JOB_VERDICTS:
		r = result_for(job, RESULT_VERDICTS);
		put_verdict(r, job->verdict_after + 1);
		break;
	case JOB_TODO: r = result_for(job, RESULT_OWED); break;
	case JOB_STOP: break;
	}
	return r;
}

static void *run_lane(void *context)
{
	struct lane *l = context;
	for (bool more = true; more && !atomic_load(&l->abandoned);) {
		struct job *job = handoff_take(l->jobs, 20);
		if (!job)
			continue;
		more = job->kind != JOB_STOP || atomic_load(&lanes_told.ignores_stop);
		struct result *r = serve_job(l, job);
		if (r)
			handoff_put(l->results, r);
		job_free(&job);
	}
	handoff_put(l->results, result_for(NULL, RESULT_STOPPED));
	return NULL;
}

struct lane *lane_start(const struct lane_settings *settings, struct catalogue *catalogue, struct handoff *jobs,
			struct handoff *results)
{
	(void)settings;
	(void)catalogue;
	struct lane *l = xcalloc(1, sizeof(*l));
	l->jobs = jobs;
	l->results = results;
	lanes_told.last = l;
	assert_int_equal(pthread_create(&l->thread, NULL, run_lane, l), 0);
	return l;
}

void lane_abandon(struct lane *lane)
{
	atomic_store(&lane->abandoned, true);
}

size_t lane_waiting(const struct lane *lane)
{
	(void)lane;
	return 0;
}

void lane_join(struct lane **lp)
{
	pthread_join((*lp)->thread, NULL);
	free(*lp);
	*lp = NULL;
}

/* ---------------------------------------------------------------- an HTTP port that nobody asks */

struct http {
	struct http_view view;
	bool is_draining;
};
static struct http http_port;
static bool http_fails;
static unsigned http_told;

struct http *http_start(const struct http_settings *settings, struct err *err)
{
	(void)err;
	assert_string_equal(settings->address, "127.0.0.1:24680");
	http_port = (struct http){.is_draining = false};
	http_told = 0;
	http_fails = false;
	return &http_port;
}

const char *http_address(const struct http *h)
{
	(void)h;
	return "127.0.0.1:24680";
}

void http_tell(struct http *h, const struct http_view *view, struct counters *counters)
{
	h->view = *view;
	counters->at[COUNTER_HTTP_REQUESTS] = 7;
	http_told++;
}

bool http_trouble(struct http *h, bool *ret_is_fine, char ret_why[static ERR_TEXT_MAX])
{
	static bool was_failing;
	(void)h;
	bool news = was_failing != http_fails;
	*ret_is_fine = !(was_failing = http_fails);
	snprintf(ret_why, ERR_TEXT_MAX, "no route");
	return news;
}

void http_drain(struct http *h)
{
	h->is_draining = true;
}

bool http_stop(struct http **hp)
{
	*hp = NULL;
	return true;
}

/* ---------------------------------------------------------------- a centre, an agent and a listener in one thread */

struct world {
	char dir[40];
	char *conf, *control;
	struct aggregator a;
	void *context, *agent, *listener; /* the agent's own context: the door is the centre's */
	struct keys keys, centre;
	struct road_message message, event;
	struct arena *arena;
	uint64_t session;
	/* what the agent has heard */
	int subscribes, acks, verdicts, checked, codebooks, heartbeats;
	uint32_t catalogue_version, refusal;
	uint64_t credit;
	/* what the listener has heard */
	char heard[64][ROAD_TOPIC_MAX + 1];
	uint64_t positions[64];
	size_t n_heard;
};

static void write_settings(const struct world *w, const char *more)
{
	char *text =
	    xasprintf("road = tcp://127.0.0.1:*\nfeed = ipc://%s/feed\ncontrol = %s\nkey_file = %s/centre.key\n"
		      "lanes = 1\nheartbeat = 1s\ndrain = 200ms\npeer_cut_every = 20ms\n%s",
		      w->dir, w->control, w->dir, more);
	assert_true(fsx_write(w->conf, text, strlen(text), 0600, NULL));
	free(text);
}

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct err err;
	memcpy(w->dir, "/tmp/tram-aggregator-XXXXXX", 28);
	assert_non_null(mkdtemp(w->dir));
	w->conf = fsx_join(w->dir, "tram-aggregator.conf");
	w->control = fsx_join(w->dir, "control");
	char *key = fsx_join(w->dir, "centre.key");
	assert_true(keys_make("centre", &w->centre, &err) && keys_save(&w->centre, key, &err));
	assert_true(keys_make(AGENT, &w->keys, &err));
	free(key);
	write_settings(w, "");
	w->arena = arena_new(16 << 20);
	store.result = STORE_OK;
	store.catalogue_version = 1;
	store.notices = 0;
	store.cut_no = 0;
	store.cut_result = STORE_OK;
	store.entry.verdict_seq = 0;
	set_entry(&w->keys, AGENT_ACTIVE);
	atomic_store(&lanes_told.holds_commits, false);
	atomic_store(&lanes_told.has_begun, false);
	atomic_store(&lanes_told.events, 1);
	atomic_store(&lanes_told.ignores_stop, false);
	atomic_store(&lanes_told.cut_no, 0);
	w->a.settings_file = w->conf;
	assert_true(settings_load(w->conf, &w->a.settings, &err));
	assert_true(keys_load_secret(w->a.settings.key_file, &w->a.keys, &err));
	if (!aggregator_start(&w->a, &err))
		fail_msg("%s", err.text);
	*state = w;
	return 0;
}

static void remove_file(const struct world *w, const char *name)
{
	char *path = fsx_join(w->dir, name);
	unlink(path);
	free(path);
}

static void turn(struct world *w);

static int teardown(void **state)
{
	struct world *w = *state;
	road_close(&w->agent);
	road_close(&w->listener);
	road_context_close(&w->context);
	if (w->a.phase != ENDED) {
		aggregator_drain(&w->a, "test");
		while (w->a.phase != ENDED)
			turn(w);
	}
	close(w->a.signals);
	assert_true(aggregator_close(&w->a));
	road_message_clear(&w->message);
	road_message_clear(&w->event);
	arena_free(&w->arena);
	remove_file(w, "centre.key");
	remove_file(w, "centre.pub");
	remove_file(w, "tram-aggregator.conf");
	remove_file(w, "feed");
	assert_int_equal(rmdir(w->dir), 0);
	free(w->conf);
	free(w->control);
	free(w);
	return 0;
}

static void hear(struct world *w, const Tram__V1__Envelope *e)
{
	switch (e->body_case) {
	case TRAM__V1__ENVELOPE__BODY_SUBSCRIBE:
		w->subscribes++;
		w->session = e->subscribe->session;
		w->credit = e->subscribe->credit->bytes;
		w->catalogue_version = e->subscribe->catalogue_version;
		break;
	case TRAM__V1__ENVELOPE__BODY_ACK: w->acks++; break;
	case TRAM__V1__ENVELOPE__BODY_VERDICTS: w->verdicts++; break;
	case TRAM__V1__ENVELOPE__BODY_CHECK_RESULT: w->checked++; break;
	case TRAM__V1__ENVELOPE__BODY_CODEBOOK: w->codebooks += e->codebook->n_providers == 1; break;
	case TRAM__V1__ENVELOPE__BODY_REFUSAL: w->refusal = e->refusal->code; break;
	case TRAM__V1__ENVELOPE__BODY_HEARTBEAT:
		w->heartbeats++;
		w->catalogue_version = e->heartbeat->catalogue_version;
		w->credit = e->heartbeat->credit->bytes;
		break;
	default: fail_msg("body %d", e->body_case);
	}
}

static void hear_event(struct world *w)
{
	Tram__V1__Event *e = tram__v1__event__unpack(NULL, w->event.len, w->event.data);
	assert_non_null(e);
	snprintf(w->heard[w->n_heard], sizeof(w->heard[0]), "%s", w->event.topic);
	w->positions[w->n_heard++] = e->position;
	tram__v1__event__free_unpacked(e, NULL);
}

/* A turn of the loop, which does not wait as what it would wait for is done in this very thread. */
static void turn(struct world *w)
{
	w->a.more_waits = true;
	if (w->a.phase != ENDED)
		loop_once(&w->a);
	zmq_poll(NULL, 0, 1);
	while (w->agent && road_receive(w->agent, &w->message) == ROAD_OK) {
		arena_reset(w->arena);
		hear(w, codec_envelope(w->arena, w->message.data, w->message.len, NULL));
	}
	while (w->listener && w->n_heard < 64 && road_feed_receive(w->listener, &w->event) == ROAD_OK)
		hear_event(w);
}

#define WAIT_FOR(condition)                                                                                            \
	do {                                                                                                           \
		int64_t end = clock_monotonic_us() + 120 * CLOCK_SECOND;                                               \
		while (!(condition) && clock_monotonic_us() < end)                                                     \
			turn(w);                                                                                       \
		assert_true(condition);                                                                                \
	} while (0)

static size_t count_heard(const struct world *w, const char *part)
{
	size_t n = 0;
	for (size_t i = 0; i < w->n_heard; i++)
		n += strstr(w->heard[i], part) != NULL;
	return n;
}

static bool has_heard(const struct world *w, const char *part)
{
	return count_heard(w, part) > 0;
}

/* ---------------------------------------------------------------- what the agent says */

static void say(struct world *w, Tram__V1__Envelope__BodyCase type, void *body)
{
	size_t len;
	uint8_t *data = codec_pack_envelope(type, body, &len);
	for (int i = 0; i < 200 && road_send(w->agent, data, len) != ROAD_OK; i++)
		turn(w);
	free(data);
}

static void say_hello(struct world *w)
{
	static uint8_t zero[DIGEST_SIZE];
	Tram__V1__Hello h = TRAM__V1__HELLO__INIT;
	h.agent = (char *)(uintptr_t)AGENT;
	h.epoch = (ProtobufCBinaryData){EPOCH_SIZE, zero};
	h.last_chain = (ProtobufCBinaryData){DIGEST_SIZE, zero};
	h.boot_nonce = (ProtobufCBinaryData){16, zero};
	h.signing_key = (ProtobufCBinaryData){SIGN_PUBLIC_SIZE, w->keys.sign_public};
	h.schema = 1;
	h.last_appended = 100;
	h.first_kept = 1;
	say(w, TRAM__V1__ENVELOPE__BODY_HELLO, &h);
}

static void say_publish(struct world *w)
{
	static uint8_t bytes[100];
	Tram__V1__Publish p = TRAM__V1__PUBLISH__INIT;
	p.session = w->session;
	p.epoch = (ProtobufCBinaryData){EPOCH_SIZE, bytes};
	p.payload = (ProtobufCBinaryData){sizeof(bytes), bytes};
	p.count = 1;
	say(w, TRAM__V1__ENVELOPE__BODY_PUBLISH, &p);
}

static void connect_agent(struct world *w)
{
	char endpoint[ROAD_ENDPOINT_MAX];
	struct road_settings settings;
	road_settings_init(&settings);
	settings.reconnect_us = 10000;
	w->context = road_context_open();
	w->agent = road_agent_open(w->context, road_endpoint(gate_socket(w->a.gate), endpoint), &w->keys, &w->centre,
				   &settings, NULL, NULL);
	assert_non_null(w->agent);
}

static void open_session(struct world *w)
{
	WAIT_FOR(w->a.phase == SERVING);
	connect_agent(w);
	say_hello(w);
	WAIT_FOR(w->subscribes == 1);
}

static void listen_in(struct world *w)
{
	struct road_settings settings;
	char endpoint[60];
	road_settings_init(&settings);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/feed", w->dir);
	if (!w->context)
		w->context = road_context_open();
	w->listener = road_feed_join(w->context, endpoint, NULL, NULL, NULL, 0, &settings, NULL, NULL);
	assert_non_null(w->listener);
}

/* ---------------------------------------------------------------- the control socket */

static Tram__Control__V1__ControlReply *ask(struct world *w, Tram__Control__V1__ControlRequest__BodyCase what)
{
	static Tram__Control__V1__StatusRequest status = TRAM__CONTROL__V1__STATUS_REQUEST__INIT;
	static Tram__Control__V1__CodebookGet codebook = TRAM__CONTROL__V1__CODEBOOK_GET__INIT;
	Tram__Control__V1__ControlRequest request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	size_t len;
	request.body_case = what;
	if (what == TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_STATUS)
		request.status = &status;
	else
		request.codebook = &codebook;
	uint8_t *data = codec_pack(&request.base, &len);
	int fd = ctl_connect(w->control, NULL);
	assert_true(fd >= 0);
	assert_true(ctl_write(fd, data, len, NULL));
	free(data);
	for (int i = 0; i < 3; i++)
		turn(w);
	data = ctl_read(fd, 2000, &len, NULL);
	assert_non_null(data);
	Tram__Control__V1__ControlReply *reply = tram__control__v1__control_reply__unpack(NULL, len, data);
	free(data);
	close(fd);
	return reply;
}

static void expect_status(struct world *w, const char *name, const char *value)
{
	Tram__Control__V1__ControlReply *r = ask(w, TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_STATUS);
	assert_int_equal(r->body_case, TRAM__CONTROL__V1__CONTROL_REPLY__BODY_STATUS);
	bool found = false;
	for (size_t i = 0; i < r->status->n_fields; i++)
		if (strcmp(r->status->fields[i]->name, name) == 0) {
			if (!strstr(r->status->fields[i]->value, value))
				fail_msg("%s is %s", name, r->status->fields[i]->value);
			found = true;
		}
	if (!found)
		fail_msg("there is no %s", name);
	tram__control__v1__control_reply__free_unpacked(r, NULL);
}

#define EVENTS_MANY 1200

/* ---------------------------------------------------------------- the tests */

static void it_waits_for_a_store_that_is_not_there(void **state)
{
	struct world *w = *state;
	set_store(STORE_RECONNECT);
	WAIT_FOR(w->a.waiting_for[0]);
	assert_int_equal(w->a.phase, WAITING);
	expect_status(w, "state", "waiting");
	expect_status(w, "waiting_for", "the store says");
	set_store(STORE_OK);
	WAIT_FOR(w->a.phase == SERVING);
	expect_status(w, "state", "serving");
	expect_status(w, "catalogue_version", "1");
}

static void it_waits_for_the_first_catalogue(void **state)
{
	struct world *w = *state;
	set_catalogue_version(0);
	WAIT_FOR(w->a.waiting_for[0]);
	assert_non_null(strstr(w->a.waiting_for, "tram catalogue load"));
	set_catalogue_version(3);
	WAIT_FOR(w->a.phase == SERVING);
	expect_status(w, "catalogue_version", "3");
}

static void it_ends_where_waiting_would_not_help(void **state)
{
	struct world *w = *state;
	set_store(STORE_BROKEN);
	WAIT_FOR(w->a.phase == ENDED);
	assert_int_equal(w->a.failure.kind, ERR_CONFIG);
	assert_non_null(strstr(w->a.failure.text, "the store says"));
}

static void a_port_that_is_taken_ends_it(void **state)
{
	struct world *w = *state;
	char endpoint[ROAD_ENDPOINT_MAX];
	struct road_settings settings;
	struct err err;
	road_settings_init(&settings);
	w->context = road_context_open();
	w->listener = road_centre_open(w->context, "tcp://127.0.0.1:*", &w->centre, &settings, &err);
	road_endpoint(w->listener, endpoint);
	free(w->a.settings.road);
	w->a.settings.road = xstrdup(endpoint);
	while (w->a.phase != ENDED)
		loop_once(&w->a);
	assert_int_equal(w->a.failure.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(w->a.failure.text, endpoint));
	assert_null(w->a.lanes);
}

static void a_stop_while_it_waits_is_heeded(void **state)
{
	struct world *w = *state;
	set_store(STORE_RECONNECT);
	WAIT_FOR(w->a.waiting_for[0]);
	raise(SIGTERM);
	WAIT_FOR(w->a.phase == ENDED);
	assert_int_equal(w->a.failure.kind, ERR_NONE);
}

static void an_agent_is_served(void **state)
{
	struct world *w = *state;
	open_session(w);
	assert_int_equal(w->credit, 4 << 20);
	say_publish(w);
	WAIT_FOR(w->acks > 0 && w->verdicts > 0);
	Tram__V1__Check check = TRAM__V1__CHECK__INIT;
	check.session = w->session;
	say(w, TRAM__V1__ENVELOPE__BODY_CHECK, &check);
	WAIT_FOR(w->checked == 1);
	Tram__V1__CodebookRequest request = TRAM__V1__CODEBOOK_REQUEST__INIT;
	request.session = w->session;
	say(w, TRAM__V1__ENVELOPE__BODY_CODEBOOK_REQUEST, &request);
	WAIT_FOR(w->codebooks == 1);
	expect_status(w, "agents_connected", "1");
	expect_status(w, "reports_committed", "3");
	expect_status(w, "reports_poisoned", "2");
	expect_status(w, "observations{cause=\"held\"}", "5");
	expect_status(w, "bytes_under_way", "0");
	expect_status(w, "lane_0_store", "up");
}

static void listeners_hear_it_in_order(void **state)
{
	struct world *w = *state;
	WAIT_FOR(w->a.phase == SERVING);
	listen_in(w);
	for (int i = 0; i < 20; i++)
		turn(w); /* the subscription is on its way */
	connect_agent(w);
	say_hello(w);
	WAIT_FOR(w->subscribes == 1);
	say_publish(w);
	WAIT_FOR(has_heard(w, "63/46|-|J|report.committed"));
	assert_true(has_heard(w, "63/46|-|I|agent.connected"));
	for (size_t i = 1; i < w->n_heard; i++)
		assert_int_equal(w->positions[i], w->positions[i - 1] + 1);
	expect_status(w, "feed_position", "");
	assert_int_equal(feed_position(w->a.feed), w->positions[w->n_heard - 1]);
}

static void an_agent_accepted_a_moment_ago_comes_in_at_its_first_knock(void **state)
{
	struct world *w = *state;
	pthread_mutex_lock(&store.lock);
	store.has_entry = false;
	pthread_mutex_unlock(&store.lock);
	WAIT_FOR(w->a.phase == SERVING);
	assert_int_equal(roster_count(w->a.roster, ROSTER_ACTIVE), 0);
	w->a.settings.refresh = 0;
	set_entry(&w->keys, AGENT_ACTIVE);
	connect_agent(w);
	say_hello(w);
	WAIT_FOR(w->subscribes == 1);
	assert_int_equal(w->a.counters.at[COUNTER_DOOR_UNKNOWN], 0);
}

static void revoking_needs_no_reload(void **state)
{
	struct world *w = *state;
	open_session(w);
	w->a.refresh_at_us = 0;
	set_entry(&w->keys, AGENT_REVOKED);
	WAIT_FOR(w->refusal == TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_REVOKED);
}

/* One test a kind of notice: an agent that says nothing keeps its session for three heartbeats only. */
static void open_session_without_refresh(struct world *w)
{
	open_session(w);
	w->a.settings.refresh = 0;
	w->a.refresh_at_us = INT64_MAX;
}

static void a_catalogue_that_is_loaded_is_read_at_once(void **state)
{
	struct world *w = *state;
	open_session_without_refresh(w);
	set_catalogue_version(2);
	notify(NOTICE_CATALOGUE);
	WAIT_FOR(w->catalogue_version == 2);
}

static void lanes_have_the_newest_cut(void **state)
{
	struct world *w = *state;
	set_cut(3, STORE_OK);
	open_session(w);
	WAIT_FOR(atomic_load(&lanes_told.cut_no) == 3);
	expect_status(w, "peer_cut", "3");
	set_cut(4, STORE_OK);
	WAIT_FOR(atomic_load(&lanes_told.cut_no) == 4);
	set_cut(2, STORE_OK); /* the database was put back to an earlier time */
	WAIT_FOR(atomic_load(&lanes_told.cut_no) == 2);
	set_cut(5, STORE_BROKEN);
	WAIT_FOR(w->a.peers_failed);
	assert_int_equal(atomic_load(&lanes_told.cut_no), 2);
	set_cut(5, STORE_OK);
	WAIT_FOR(atomic_load(&lanes_told.cut_no) == 5);
}

static void without_cuts_it_serves_all_the_same(void **state)
{
	struct world *w = *state;
	set_cut(5, STORE_BROKEN);
	WAIT_FOR(w->a.peers_failed);
	expect_status(w, "peer_cut", "0");
	open_session(w); /* last: an agent that says nothing keeps its session for three heartbeats only */
	say_publish(w);
	WAIT_FOR(w->acks > 0);
}

static void verdicts_of_a_decision_are_said_at_once(void **state)
{
	struct world *w = *state;
	open_session_without_refresh(w);
	set_verdict_seq(1);
	notify(NOTICE_VERDICTS);
	WAIT_FOR(w->verdicts == 1);
}

static void a_revocation_is_heard_at_once(void **state)
{
	struct world *w = *state;
	open_session_without_refresh(w);
	set_entry(&w->keys, AGENT_REVOKED);
	notify(NOTICE_ROSTER);
	WAIT_FOR(w->refusal == TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_REVOKED);
}

static void a_notice_that_was_lost_is_made_good(void **state)
{
	struct world *w = *state;
	open_session(w);
	set_catalogue_version(2);
	set_verdict_seq(1);
	w->a.refresh_at_us = 0;
	WAIT_FOR(w->catalogue_version == 2 && w->verdicts == 1);
}

static void a_reload_takes_up_settings_and_catalogue(void **state)
{
	struct world *w = *state;
	open_session(w);
	set_catalogue_version(2);
	write_settings(w, "credit_agent = 2MiB\nobservations = 5\n");
	raise(SIGHUP);
	WAIT_FOR(w->catalogue_version == 2 && w->credit == 2 << 20);
	WAIT_FOR(atomic_load(&lanes_told.catalogue_version) == 2);
	assert_int_equal(w->a.settings.observations, 10000); /* with the next start */
}

static void a_reload_that_fails_changes_nothing(void **state)
{
	struct world *w = *state;
	WAIT_FOR(w->a.phase == SERVING);
	write_settings(w, "credit_agent = nonsense\n");
	raise(SIGHUP);
	WAIT_FOR(w->a.counters.at[COUNTER_RELOADS_FAILED] == 1);
	assert_int_equal(w->a.settings.credit_agent, 4 << 20);
	assert_int_equal(w->a.phase, SERVING);
}

static void tell_store_state(struct world *w, const char *state, const char *text)
{
	struct result *r = result_for(NULL, RESULT_STORE);
	r->store_is_up = strcmp(state, "up") == 0;
	r->store_state = state;
	r->store_text = text;
	handoff_put(lanes_told.last->results, r);
	turn(w);
}

static void without_a_store_there_is_no_credit(void **state)
{
	struct world *w = *state;
	open_session(w);
	listen_in(w);
	for (int i = 0; i < 20; i++)
		turn(w); /* the subscription is on its way */
	tell_store_state(w, "away", "no route");
	WAIT_FOR(w->heartbeats > 0 && w->credit == 0);
	expect_status(w, "lane_0_store", "away");
	expect_status(w, "lane_0_store_text", "no route");
	tell_store_state(w, "broken", "role \"tram_writer\" does not exist");
	expect_status(w, "lane_0_store", "broken");
	WAIT_FOR(count_heard(w, "-|-|B|store.lost") == 2);
	tell_store_state(w, "broken", "database \"tram\" does not exist");
	expect_status(w, "lane_0_store_text", "database \"tram\" does not exist");
	tell_store_state(w, "up", "");
	WAIT_FOR(w->refusal == TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_NO_SESSION);
	say_hello(w);
	WAIT_FOR(w->subscribes == 2 && w->credit == 4 << 20);
	assert_int_equal(count_heard(w, "-|-|B|store.lost"), 2);
}

static void the_http_port_knows_how_it_is(void **state)
{
	struct world *w = *state;
	assert_int_equal(http_told, 0);
	turn(w);
	assert_string_equal(http_port.view.phase, "waiting");
	open_session(w);
	WAIT_FOR(http_port.view.is_serving && http_port.view.agents_connected == 1);
	assert_int_equal(http_port.view.lanes_up, 1);
	assert_int_equal(http_port.view.catalogue_version, w->catalogue_version);
	expect_status(w, "http", "127.0.0.1:24680");
	expect_status(w, "http_requests", "7");
	listen_in(w);
	for (int i = 0; i < 20; i++)
		turn(w); /* the subscription is on its way */
	unsigned told = http_told;
	tell_store_state(w, "away", "no route");
	WAIT_FOR(http_port.view.lanes_up == 0);
	assert_in_range(http_told - told, 1, 20); /* by the clock, not by turns */
	http_fails = true;
	WAIT_FOR(count_heard(w, "-|-|W|http.failed") == 1);
	http_fails = false;
	WAIT_FOR(count_heard(w, "-|-|I|http.recovered") == 1);
	raise(SIGTERM);
	WAIT_FOR(w->a.phase == ENDED);
	assert_true(http_port.is_draining && !http_port.view.is_serving);
}

/* A report may have an event for every figure: they are told while messages go on, before the next ones, and in full. */
static void events_do_not_keep_provinces_waiting(void **state)
{
	struct world *w = *state;
	atomic_store(&lanes_told.events, EVENTS_MANY);
	open_session(w);
	uint64_t before = feed_position(w->a.feed);
	say_publish(w);
	WAIT_FOR(w->a.telling);
	turn(w);
	assert_in_range(feed_position(w->a.feed) - before, 1, EVENTS_MANY / 2);
	WAIT_FOR(w->acks == 1);
	say_publish(w);
	WAIT_FOR(w->acks == 2);
	raise(SIGTERM);
	WAIT_FOR(w->a.phase == ENDED);
	assert_in_range(feed_position(w->a.feed) - before, 2 * EVENTS_MANY, 2 * EVENTS_MANY + 4); /* and its own word */
}

/* One is with the lane, as many as lane_queue says wait for it, and the next is told to come again. */
static void so_many_wait_for_a_lane(struct world *w, size_t queue)
{
	w->a.settings.lane_queue = (int64_t)queue;
	w->a.settings.credit_batches = 1000;
	w->a.settings.heartbeat = 600 * CLOCK_SECOND; /* nobody is silent, however slow the machine */
	atomic_store(&lanes_told.holds_commits, true);
	open_session(w);
	say_publish(w);
	WAIT_FOR(atomic_load(&lanes_told.has_begun));
	for (size_t n = 1; n <= queue; n++) {
		say_publish(w);
		WAIT_FOR(lanes_waiting(w->a.lanes, 0) == n);
	}
	assert_int_equal(w->refusal, 0);
	say_publish(w);
	WAIT_FOR(w->refusal == TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY);
	assert_int_equal(lanes_waiting(w->a.lanes, 0), queue);
	atomic_store(&lanes_told.holds_commits, false);
	WAIT_FOR(lanes_waiting(w->a.lanes, 0) == 0);
}

static void the_queue_of_a_lane_is_as_long_as_it_is_set(void **state)
{
	so_many_wait_for_a_lane(*state, 64);
	teardown(state);
	setup(state);
	so_many_wait_for_a_lane(*state, 65);
}

static void the_feed_has_a_high_water_of_its_own(void **state)
{
	struct world *w = *state;
	int feed = 0, road = 0;
	size_t len = sizeof(feed);
	w->a.settings.feed_high_water = 77;
	w->a.settings.high_water = 78;
	WAIT_FOR(w->a.phase == SERVING);
	assert_int_equal(zmq_getsockopt(feed_socket(w->a.feed), ZMQ_SNDHWM, &feed, &len), 0);
	assert_int_equal(zmq_getsockopt(gate_socket(w->a.gate), ZMQ_SNDHWM, &road, &len), 0);
	assert_int_equal(feed, 77);
	assert_int_equal(road, 78);
}

static void a_stop_finishes_what_is_begun(void **state)
{
	struct world *w = *state;
	open_session(w);
	atomic_store(&lanes_told.holds_commits, true);
	say_publish(w);
	WAIT_FOR(w->a.counters.at[COUNTER_BATCHES_TAKEN] == 1);
	w->a.settings.drain = 60 * CLOCK_SECOND; /* it ends because all is done */
	raise(SIGTERM);
	WAIT_FOR(w->a.phase == DRAINING);
	say_publish(w); /* too late */
	WAIT_FOR(w->a.counters.at[COUNTER_IGNORED_STOPPING] == 1);
	assert_int_equal(w->acks, 0);
	atomic_store(&lanes_told.holds_commits, false);
	WAIT_FOR(w->a.phase == ENDED);
	WAIT_FOR(w->acks == 1 && w->verdicts == 1);
	assert_true(lanes_have_stopped(w->a.lanes));
}

static void a_lane_that_does_not_end_is_given_up(void **state)
{
	struct world *w = *state;
	WAIT_FOR(w->a.phase == SERVING);
	atomic_store(&lanes_told.ignores_stop, true);
	int64_t begin = clock_monotonic_us();
	raise(SIGTERM);
	WAIT_FOR(w->a.phase == ENDED);
	assert_true(clock_monotonic_us() - begin >= 200000);
}

static void the_control_socket_knows_its_limits(void **state)
{
	struct world *w = *state;
	Tram__Control__V1__ControlReply *r = ask(w, TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_CODEBOOK);
	assert_int_equal(r->body_case, TRAM__CONTROL__V1__CONTROL_REPLY__BODY_FAILED);
	assert_int_equal(r->failed->exit_code, 69);
	tram__control__v1__control_reply__free_unpacked(r, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	struct err err;
	if (!catalogue_read_folder(TRAM_SOURCE_DIR "/deploy/catalogue", &store.files, &store.n_files, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	log_start("test", LOG_LEVEL_ERROR);
	store.noticed = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	const struct CMUnitTest tests[] = {
	    TEST(it_waits_for_a_store_that_is_not_there),
	    TEST(it_waits_for_the_first_catalogue),
	    TEST(it_ends_where_waiting_would_not_help),
	    TEST(a_port_that_is_taken_ends_it),
	    TEST(a_stop_while_it_waits_is_heeded),
	    TEST(an_agent_is_served),
	    TEST(listeners_hear_it_in_order),
	    TEST(an_agent_accepted_a_moment_ago_comes_in_at_its_first_knock),
	    TEST(revoking_needs_no_reload),
	    TEST(a_catalogue_that_is_loaded_is_read_at_once),
	    TEST(lanes_have_the_newest_cut),
	    TEST(without_cuts_it_serves_all_the_same),
	    TEST(verdicts_of_a_decision_are_said_at_once),
	    TEST(a_revocation_is_heard_at_once),
	    TEST(a_notice_that_was_lost_is_made_good),
	    TEST(a_reload_takes_up_settings_and_catalogue),
	    TEST(a_reload_that_fails_changes_nothing),
	    TEST(without_a_store_there_is_no_credit),
	    TEST(the_http_port_knows_how_it_is),
	    TEST(events_do_not_keep_provinces_waiting),
	    TEST(the_queue_of_a_lane_is_as_long_as_it_is_set),
	    TEST(the_feed_has_a_high_water_of_its_own),
	    TEST(a_stop_finishes_what_is_begun),
	    TEST(a_lane_that_does_not_end_is_given_up),
	    TEST(the_control_socket_knows_its_limits),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	catalogue_files_free(store.files, store.n_files);
	return failed;
}
