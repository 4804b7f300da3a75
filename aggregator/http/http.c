/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and responses, by libmicrohttpd's one thread; what needs figures goes to the readers. */
#include "http.h"

#include "clock.h"
#include "lang.h"
#include "mem.h"
#include "readers.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ADDRESS_MAX  2048       /* bytes of an address with its parameters */
#define HEADERS_MAX  (16 << 10) /* of a request's line and headers, and what libmicrohttpd needs beside them */
#define PAIRS_MAX    32
#define LISTED_MAX   1024 /* bytes of If-None-Match, its lines together */
#define STOP_WAIT_US (3 * CLOCK_SECOND)
#define SENDING_MS   2000 /* how long a stop waits for answers that are on their way */
#define RETRY_AFTER  "2"

struct http {
	struct http_settings settings;
	char *names, *address;
	struct MHD_Daemon *daemon;
	struct readers *readers;
	struct body_budget budget;
	struct told told;
	struct counted counted;
	atomic_uint requests; /* between their first look and their end */
	atomic_bool is_draining;
	bool was_fine; /* what http_trouble() said last */
};

static void count_here(struct http *h, enum counter_id id, uint64_t by)
{
	atomic_fetch_add(&h->counted.at[id], by);
}

/* ---------------------------------------------------------------- responses */

/* What every answer says to a browser that shows it. */
static const char *const always[][2] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "no-referrer"},
    {"Vary", "Accept, Accept-Language"},
};

static void header(struct MHD_Response *r, const char *name, const char *value)
{
	if (*value) {
		MHD_add_response_header(r, name, value);
	}
}

static void unref(void *context)
{
	struct body *b = context;
	body_unref(&b);
}

/* Takes over the reference to the body. */
static struct MHD_Response *response_of(struct body *b, const char *type)
{
	char *bytes = (char *)(uintptr_t)body_bytes(b); /* which libmicrohttpd only reads */
	struct MHD_Response *r = MHD_create_response_from_buffer_with_free_callback_cls(body_len(b), bytes, unref, b);
	if (!r) {
		body_unref(&b);
		return NULL;
	}
	header(r, "Content-Type", type);
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		header(r, always[i][0], always[i][1]);
	}
	return r;
}

static enum MHD_Result send_response(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
	if (!r) {
		return MHD_NO;
	}
	enum MHD_Result sent = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return sent;
}

static enum counter_id counter_of(const struct problem *p)
{
	unsigned status = problem_status(p);
	if (status < 500) {
		return COUNTER_HTTP_REFUSED;
	}
	return p->id == PROBLEM_STORE ? COUNTER_HTTP_FAILED : COUNTER_HTTP_BUSY;
}

/* What is not made of figures is short, one a connection, and there is room for it when answers have taken all of theirs. */
static struct body_budget small = {.most = SIZE_MAX, .whole = (size_t)16 << 10};

static enum MHD_Result send_problem(struct http *h, struct MHD_Connection *c, const struct question *q)
{
	struct body *b = body_new(&small);
	unsigned status = problem_status(&q->problem);
	problem_write(&q->problem, q->ask.in_vietnamese, b);
	count_here(h, counter_of(&q->problem), 1);
	struct MHD_Response *r = response_of(b, PROBLEM_MEDIA_TYPE);
	if (r) {
		header(r, "Content-Language", q->ask.in_vietnamese ? "vi" : "en");
		header(r, "Cache-Control", "no-store");
		header(r, "Retry-After", status == 503 ? RETRY_AFTER : "");
		header(r, "Allow", status == 405 ? "GET, HEAD" : "");
	}
	return send_response(c, status, r);
}

struct listed {
	char text[LISTED_MAX];
	size_t len;
};

static enum MHD_Result gather_listed(void *context, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct listed *l = context;
	size_t len = value ? strlen(value) : 0;
	(void)kind;
	if (strcasecmp(key, "If-None-Match") == 0 && len < sizeof(l->text) - l->len - 1) {
		memcpy(l->text + l->len, value, len);
		l->text[l->len + len] = ',';
		l->len += len + 1;
		l->text[l->len] = '\0';
	}
	return MHD_YES;
}

static bool has_it(struct MHD_Connection *c, const struct answer *a)
{
	struct listed listed = {0};
	MHD_get_connection_values(c, MHD_HEADER_KIND, gather_listed, &listed);
	return ask_matches(listed.text, a->tag);
}

static enum MHD_Result send_answer(struct http *h, struct MHD_Connection *c, const struct question *q)
{
	const struct answer *a = &q->answer;
	bool unchanged = has_it(c, a);
	struct body *b = unchanged ? body_new(&small) : body_ref(a->body);
	count_here(h, unchanged ? COUNTER_HTTP_UNCHANGED : COUNTER_HTTP_ANSWERED, 1);
	count_here(h, COUNTER_HTTP_BYTES, body_len(b));
	struct MHD_Response *r = response_of(b, unchanged ? "" : export_media_type(a->format));
	if (r) {
		header(r, "ETag", a->tag);
		header(r, "Cache-Control", "no-cache");
		header(r, "Tram-Cursor", a->cursor);
	}
	return send_response(c, unchanged ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, r);
}

static enum MHD_Result send_health(struct http *h, struct MHD_Connection *c)
{
	char why[ERR_TEXT_MAX];
	struct body *b = body_new(&small);
	bool fine = told_health(&h->told, readers_can_read(h->readers, why), b) && !atomic_load(&h->is_draining);
	count_here(h, COUNTER_HTTP_ANSWERED, 1);
	struct MHD_Response *r = response_of(b, "application/json");
	if (r) {
		header(r, "Cache-Control", "no-store");
		header(r, "Retry-After", fine ? "" : RETRY_AFTER);
	}
	return send_response(c, fine ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, r);
}

/* ---------------------------------------------------------------- requests */

struct pairs {
	struct ask_pair at[PAIRS_MAX];
	size_t n;
};

static enum MHD_Result gather_pair(void *context, enum MHD_ValueKind kind, const char *key, size_t key_len,
				   const char *value, size_t value_len)
{
	struct pairs *p = context;
	(void)kind;
	if (p->n == PAIRS_MAX) {
		return MHD_NO;
	}
	p->at[p->n++] =
	    (struct ask_pair){.name = key ? key : "", .value = value, .name_len = key_len, .value_len = value_len};
	return MHD_YES;
}

static const char *header_of(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static bool check_frame(const struct http *h, struct MHD_Connection *c, const char *method, struct question *q)
{
	const char *length = header_of(c, "Content-Length"), *host = header_of(c, "Host");
	if (q->is_malformed) {
		return false;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		return problem_set(&q->problem, PROBLEM_METHOD, NULL, method, NULL);
	}
	if ((length && strcmp(length, "0") != 0) || header_of(c, "Transfer-Encoding")) {
		return problem_set(&q->problem, PROBLEM_CONTENT, NULL, NULL, NULL);
	}
	if (host && !ask_host_is_ours(host, h->names)) {
		return problem_set(&q->problem, PROBLEM_HOST, "Host", host, NULL);
	}
	return true;
}

static bool read_question(struct http *h, struct MHD_Connection *c, const char *path, const char *method,
			  struct question *q)
{
	struct pairs pairs = {.n = 0};
	struct problem asked = {.id = PROBLEM_NONE};
	MHD_get_connection_values_n(c, MHD_GET_ARGUMENT_KIND, gather_pair, &pairs);
	const struct ask_request request = {.path = path,
					    .pairs = pairs.at,
					    .n_pairs = pairs.n,
					    .accept = header_of(c, "Accept"),
					    .accept_language = header_of(c, "Accept-Language"),
					    .vi_unless_told = h->settings.in_vietnamese};
	bool fine = ask_read(&request, &q->ask, &asked);
	if (!check_frame(h, c, method, q)) { /* told in the language that was found all the same */
		return false;
	}
	q->problem = asked;
	return fine;
}

/* The first look at a request, whose headers are here. */
static enum MHD_Result begin(struct http *h, struct MHD_Connection *c, const char *path, const char *method,
			     struct question *q)
{
	if (!read_question(h, c, path, method, q)) {
		return send_problem(h, c, q);
	}
	if (ask_needs(&q->ask) == NOBODY) {
		return send_health(h, c);
	}
	if (atomic_load(&h->is_draining)) {
		problem_set(&q->problem, PROBLEM_STOPPING, NULL, NULL, NULL);
		return send_problem(h, c, q);
	}
	/* Suspended first: its answer may be there before this thread is back here. */
	q->connection = c;
	q->is_asked = true;
	MHD_suspend_connection(c);
	if (!readers_ask(h->readers, q)) {
		problem_set(&q->problem, PROBLEM_BUSY, NULL, NULL, NULL);
		MHD_resume_connection(c);
	}
	return MHD_YES;
}

static void resume(struct question *q)
{
	MHD_resume_connection(q->connection);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *c, const char *path, const char *method,
			      const char *version, const char *upload, size_t *upload_len, void **state)
{
	struct http *h = context;
	struct question *q = *state;
	(void)version;
	(void)upload;
	(void)upload_len;
	if (!q->is_asked) {
		return begin(h, c, path, method, q);
	}
	return q->problem.id ? send_problem(h, c, q) : send_answer(h, c, q);
}

/* The address as it was sent: what cannot be told from its parts any more is looked at here. */
static void *open_request(void *context, const char *address, struct MHD_Connection *c)
{
	struct http *h = context;
	struct question *q = xcalloc(1, sizeof(*q));
	char most[16];
	(void)c;
	atomic_fetch_add(&h->requests, 1);
	count_here(h, COUNTER_HTTP_REQUESTS, 1);
	snprintf(most, sizeof(most), "%d", ADDRESS_MAX);
	q->is_malformed = true;
	if (strlen(address) > ADDRESS_MAX) {
		problem_set(&q->problem, PROBLEM_TOO_LONG, NULL, NULL, most);
	} else if (!ask_address_is_sound(address)) {
		problem_set(&q->problem, PROBLEM_ADDRESS, NULL, NULL, NULL);
	} else {
		q->is_malformed = false;
	}
	return q;
}

static void close_request(void *context, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct http *h = context;
	struct question *q = *state;
	(void)c;
	*state = NULL;
	if (!q) {
		return;
	}
	if (why != MHD_REQUEST_TERMINATED_COMPLETED_OK && why != MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN) {
		count_here(h, COUNTER_HTTP_ABANDONED, 1);
	}
	answer_clear(&q->answer);
	free(q);
	atomic_fetch_sub(&h->requests, 1);
}

/* ---------------------------------------------------------------- listening */

static bool split_address(const char *address, char host[static 256], char port[static 16])
{
	const char *colon = strrchr(address, ':');
	bool bracket = *address == '[';
	size_t len = colon ? (size_t)(colon - address) : 0;
	if (!colon || len <= (bracket ? 2u : 0u) || len >= 256 || strlen(colon + 1) >= 16) {
		return false;
	}
	if (bracket && colon[-1] != ']') {
		return false;
	}
	snprintf(host, 256, "%.*s", (int)(len - (bracket ? 2 : 0)), address + bracket);
	snprintf(port, 16, "%s", colon + 1);
	return *port && strspn(port, "0123456789") == strlen(port);
}

static int bind_socket(const struct addrinfo *info, int backlog)
{
	int on = 1, fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, backlog) < 0) {
		int failure = errno;
		close(fd);
		errno = failure;
		return -1;
	}
	return fd;
}

static int open_listener(const struct http_settings *s, struct err *err)
{
	char host[256], port[16];
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *info = NULL;
	if (!split_address(s->address, host, port) || getaddrinfo(host, port, &hints, &info) != 0) {
		err_set(err, ERR_CONFIG,
			_("http must be ADDRESS:PORT, such as 127.0.0.1:24680 or [::1]:24680, not \"%s\""), s->address);
		return -1;
	}
	int fd = bind_socket(info, (int)s->connections);
	freeaddrinfo(info);
	if (fd < 0) {
		err_set_errno(err, ERR_UNAVAILABLE, _("cannot listen on http %s"), s->address);
	}
	return fd;
}

static char *address_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	char host[INET6_ADDRSTRLEN + 32] = "?", port[16] = "0";
	if (getsockname(fd, (struct sockaddr *)&a, &len) == 0) {
		getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	}
	return xasprintf(a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* ---------------------------------------------------------------- from start to end */

static bool start_daemon(struct http *h, int fd, struct err *err)
{
	const struct http_settings *s = &h->settings;
	h->daemon =
	    MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
			     handle, h, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, s->connections,
			     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((s->idle_us + CLOCK_SECOND - 1) / CLOCK_SECOND),
			     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX, MHD_OPTION_URI_LOG_CALLBACK,
			     open_request, h, MHD_OPTION_NOTIFY_COMPLETED, close_request, h, MHD_OPTION_END);
	return h->daemon || err_set(err, ERR_OS, _("cannot serve http on %s"), h->address);
}

static void start_readers(struct http *h)
{
	const struct http_settings *s = &h->settings;
	const struct readers_settings readers = {.database = s->database,
						 .readers = s->readers,
						 .waiting = s->waiting,
						 .question_us = s->question_us,
						 .rows = s->rows,
						 .cache_bytes = (size_t)s->memory_bytes / 4,
						 .budget = &h->budget,
						 .told = &h->told,
						 .counted = &h->counted,
						 .done = resume};
	h->readers = readers_start(&readers);
}

static void release(struct http **hp)
{
	struct http *h = *hp;
	*hp = NULL;
	told_done(&h->told);
	free(h->names);
	free(h->address);
	free(h);
}

struct http *http_start(const struct http_settings *settings, struct err *err)
{
	int fd = open_listener(settings, err);
	if (fd < 0) {
		return NULL;
	}
	struct http *h = xcalloc(1, sizeof(*h));
	h->settings = *settings;
	h->names = xstrdup(settings->names);
	h->address = address_of(fd);
	h->budget.most = (size_t)settings->memory_bytes;
	h->budget.whole = (size_t)settings->answer_bytes;
	h->was_fine = true;
	told_init(&h->told);
	start_readers(h);
	if (start_daemon(h, fd, err)) {
		return h;
	}
	close(fd);
	if (readers_stop(&h->readers, STOP_WAIT_US)) {
		release(&h);
	}
	return NULL;
}

const char *http_address(const struct http *h)
{
	return h->address;
}

void http_tell(struct http *h, const struct http_view *view, struct counters *counters)
{
	for (size_t i = COUNTER_HTTP_REQUESTS; i <= COUNTER_HTTP_ABANDONED; i++) {
		counters->at[i] = atomic_load(&h->counted.at[i]);
	}
	told_set(&h->told, view, counters);
}

bool http_trouble(struct http *h, bool *ret_is_fine, char ret_why[static ERR_TEXT_MAX])
{
	bool was_fine = h->was_fine;
	*ret_is_fine = h->was_fine = readers_can_read(h->readers, ret_why);
	return was_fine != h->was_fine;
}

void http_drain(struct http *h)
{
	if (atomic_exchange(&h->is_draining, true)) {
		return;
	}
	int fd = MHD_quiesce_daemon(h->daemon);
	if (fd >= 0) {
		close(fd);
	}
	readers_drain(h->readers);
}

/* Answers are on their way to clients that take them. */
static void wait_for_sending(struct http *h)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000000};
	for (int waited = 0; atomic_load(&h->requests) > 0 && waited < SENDING_MS; waited += 10) {
		nanosleep(&pause, NULL);
	}
}

bool http_stop(struct http **hp)
{
	struct http *h = *hp;
	*hp = NULL;
	if (!h) {
		return true;
	}
	http_drain(h);
	/* A reader that is left behind may still resume a request of the daemon's. */
	if (!readers_stop(&h->readers, STOP_WAIT_US)) {
		return false;
	}
	wait_for_sending(h);
	MHD_stop_daemon(h->daemon);
	release(&h);
	return true;
}
