/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A COMMIT whose answer never came, or came with a warning: the lane asks for the watermark on a new connection, commits
 * nothing twice and loses nothing, and believes in no COMMIT that a synchronous standby does not have. What is not committed
 * is not told.
 */
#include "bench.h"
#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct province hue = {.agent = AGENT_ONE, .provider = "P63-46", .area = "63/46"};

static int open_all(void **state)
{
	assert_true(sodium_init() >= 0);
	return contract_open(state);
}

/* ---------------------------------------------------------------- a relay that does something to the next COMMIT */

enum deed {
	PASS,
	SWALLOW_COMMIT, /* it never arrives, and the connection breaks */
	SWALLOW_ANSWER, /* it is committed, the answer is lost with the connection */
	HOLD_COMMIT,    /* the client's side breaks; it arrives at the server a while later */
};

struct relay {
	int listening;
	int port;
	pthread_t thread;
	atomic_int deed, done; /* what is to be done to the next one; how often it was */
};

/* Long enough for a lane to ask for the watermark before; one that asks later is told the same. */
static const struct timespec a_while = {.tv_nsec = 400 * 1000 * 1000};

static int connect_to_server(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof to.sun_path, "%s/.s.PGSQL.5432", getenv("PGHOST"));
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
		abort();
	}
	return fd;
}

static bool is_commit(const char *bytes, size_t n)
{
	static const char commit[] = {'Q', 0, 0, 0, 11, 'C', 'O', 'M', 'M', 'I', 'T', 0};

	return n == sizeof commit && memcmp(bytes, commit, n) == 0;
}

static void pass_on(int to, const char *bytes, size_t n)
{
	for (ssize_t sent; n > 0; bytes += sent, n -= (size_t)sent) {
		sent = send(to, bytes, n, MSG_NOSIGNAL);
		if (sent <= 0) {
			return;
		}
	}
}

/* False: both ends are to be closed. */
static bool do_to_commit(enum deed deed, int client, int server, const char *bytes, size_t n)
{
	char answer[1024];

	if (deed == HOLD_COMMIT) {
		shutdown(client, SHUT_RDWR);
		nanosleep(&a_while, NULL);
	}
	if (deed != SWALLOW_COMMIT) {
		pass_on(server, bytes, n);
		(void)!recv(server, answer, sizeof answer, 0);
	}
	return false;
}

/* False: this end has nothing more. */
static bool relay_some(struct relay *r, int from, int to, bool is_client)
{
	char bytes[16384];
	ssize_t n = recv(from, bytes, sizeof bytes, 0);

	if (n <= 0) {
		return false;
	}
	if (is_client && is_commit(bytes, (size_t)n)) {
		enum deed deed = (enum deed)atomic_exchange(&r->deed, PASS);

		if (deed != PASS) {
			atomic_fetch_add(&r->done, 1);
			return do_to_commit(deed, from, to, bytes, (size_t)n);
		}
	}
	pass_on(to, bytes, (size_t)n);
	return true;
}

static void relay_one(struct relay *r, int client)
{
	int server = connect_to_server();
	struct pollfd ends[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};

	for (bool more = true; more && poll(ends, 2, -1) > 0;) {
		for (int i = 0; i < 2 && more; i++) {
			more = !ends[i].revents || relay_some(r, ends[i].fd, ends[!i].fd, i == 0);
		}
	}
	close(client);
	close(server);
}

struct taken {
	struct relay *relay;
	int client;
};

static void *relay_taken(void *context)
{
	struct taken t = *(struct taken *)context;

	free(context);
	relay_one(t.relay, t.client);
	return NULL;
}

/* A thread for each connection: while one is held up another one is made. */
static void *relay_all(void *context)
{
	struct relay *r = context;

	for (int client; (client = accept(r->listening, NULL, NULL)) >= 0;) {
		struct taken *t = xcalloc(1, sizeof *t);
		pthread_t thread;

		*t = (struct taken){r, client};
		if (pthread_create(&thread, NULL, relay_taken, t) != 0 || pthread_detach(thread) != 0) {
			abort();
		}
	}
	return NULL;
}

static struct relay *relay_open(void)
{
	struct relay *r = xcalloc(1, sizeof *r);

	r->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int tries = 0;; tries++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

		r->port = 20000 + (int)(contract_random() % 12000); /* below what the system gives away */
		at.sin_port = htons((uint16_t)r->port);
		if (bind(r->listening, (struct sockaddr *)&at, sizeof at) == 0) {
			break;
		}
		assert_true(tries < 100 && errno == EADDRINUSE);
	}
	assert_int_equal(listen(r->listening, 8), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, relay_all, r), 0);
	return r;
}

static void relay_close(struct relay *r)
{
	shutdown(r->listening, SHUT_RDWR);
	assert_int_equal(pthread_join(r->thread, NULL), 0);
	close(r->listening);
	free(r);
}

/* ---------------------------------------------------------------- tests */

/* Told the truth, the lane says COMMITTED once it knows, with verdicts only when it is it that made them just now. */
static void an_unknown_outcome_is_read_from_the_watermark(void **state)
{
	static const struct {
		enum deed deed;
		const char *outcomes;
	} cases[] = {{SWALLOW_COMMIT, "5"}, {SWALLOW_ANSWER, ""}, {HOLD_COMMIT, ""}, {PASS, "5"}};
	enum { N = sizeof cases / sizeof *cases, ROUNDS = 2 };
	struct relay *relay = relay_open();
	char conninfo[200];

	(void)state;
	snprintf(conninfo, sizeof conninfo,
		 "host=127.0.0.1 port=%d user=tram_writer dbname=contract sslmode=disable gssencmode=disable",
		 relay->port);
	struct bench b = bench_open_at(conninfo);

	province_start(&hue);
	for (int i = 0; i < N * ROUNDS; i++) {
		append_report(&hue, "2024", 1178600, "");
	}
	append_report(&hue, "2024", 1178600, "");
	open_stream(&b, &hue);
	publish(&b, &hue, 1, 1);
	committed_through(&b, &hue, 1, "1");
	for (uint64_t seq = 2; seq <= hue.last; seq++) {
		size_t i = (size_t)(seq - 2) % N;

		atomic_store(&relay->deed, cases[i].deed);
		publish(&b, &hue, seq, seq);
		committed_through(&b, &hue, seq, cases[i].outcomes);
		assert_int_equal(atomic_load(&relay->deed), PASS);
	}
	assert_int_equal(atomic_load(&relay->done), ROUNDS * (N - 1));
	assert_stored(&hue, "9", "1", "0");
	say_hello(&b, &hue);
	assert_int_equal(subscribed_at(&b), hue.last);
	bench_close(&b);
	relay_close(relay);
}

/* It writes the rows, and cannot: whatever it tells too early is there before it comes to the lock. */
static void nothing_is_told_before_it_is_committed(void **state)
{
	struct bench b = bench_open();

	(void)state;
	province_start(&hue);
	append_report(&hue, "2023", 1170000, "");
	open_stream(&b, &hue);
	contract_ask("BEGIN");
	contract_ask("LOCK TABLE tram.report IN SHARE MODE");
	publish(&b, &hue, 1, 1);
	contract_wait("a lane that waits for the lock",
		      "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'tram.report'::regclass AND NOT granted");
	for (struct result *r; (r = handoff_try_take(b.results)) != NULL; result_free(&r)) {
		if (r->kind != RESULT_STORE) {
			fail_msg("told of reports that are not committed");
		}
	}
	contract_ask("COMMIT");
	committed_through(&b, &hue, 1, "1");
	assert_stored(&hue, "1", "1", "0");
	bench_close(&b);
}

static int let_go(void **state)
{
	(void)state;
	contract_ask("ROLLBACK");
	return 0;
}

/* The backend of the lane that waits for a standby. */
static long waiting_backend(void)
{
#define WAITING                                                                                                        \
	"FROM pg_stat_activity WHERE application_name = 'tram lane 1' AND wait_event = 'SyncRep' AND query = 'COMMIT'"
	contract_wait("a lane that waits for a standby", "SELECT count(*) = 1 " WAITING);
	return strtol(contract_ask("SELECT pid " WAITING), NULL, 10);
}

/* The next result, and it tells of no commit. */
static struct result *word_of_the_store(struct bench *b)
{
	struct result *r = handoff_take(b->results, BENCH_PATIENCE_MS);

	assert_non_null(r);
	if (r->kind != RESULT_STORE) {
		fail_msg("told of a COMMIT that the standby does not have");
	}
	return r;
}

/*
 * A COMMIT that waits for its standby is let go by somebody, or its backend is: it stands on this server, and nobody is
 * told of it before the standby has it.
 */
static void what_the_standby_lacks_is_not_committed(void **state)
{
	static const char *const deeds[] = {"cancel", "terminate"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bench b = bench_open();
		struct result *r;

		province_start(&hue);
		append_report(&hue, "2023", 1169500, "");
		append_report(&hue, "2024", 1178600, "");
		open_stream(&b, &hue);
		publish(&b, &hue, 1, 1); /* a stream gets its number once, which waits for the standby by itself */
		stands_at(&b, 1);
		contract_configure("synchronous_standby_names", "nobody");
		publish(&b, &hue, 2, 2);
		contract_ask("SELECT pg_%s_backend(%ld)", deeds[i], waiting_backend());
		r = word_of_the_store(&b);
		assert_false(r->store_is_up);
		assert_non_null(strstr(r->store_text, "standby"));
		result_free(&r);
		contract_configure("synchronous_standby_names", "");
		committed_through(&b, &hue, 2, "");
		assert_stored(&hue, "2", "0", "0");
		bench_close(&b);
	}
}

static int want_no_standby(void **state)
{
	(void)state;
	contract_configure("synchronous_standby_names", "");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(nothing_is_told_before_it_is_committed, let_go),
	    cmocka_unit_test(an_unknown_outcome_is_read_from_the_watermark),
	    cmocka_unit_test_teardown(what_the_standby_lacks_is_not_committed, want_no_standby),
	};

	return cmocka_run_group_tests_name("commit", tests, open_all, contract_close);
}
