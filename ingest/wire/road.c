/* SPDX-License-Identifier: Apache-2.0 */
#include "road.h"

#include "hangup.h"
#include "lang.h"
#include "mem.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define ROUTING_BYTES 5 /* libzmq's own routing ids: a 0 and four bytes */
#define PEER_MARK     (UINT64_C(1) << 32)

void road_settings_init(struct road_settings *settings)
{
	*settings = (struct road_settings){
	    .message_bytes = (4 << 20) + (64 << 10),
	    .high_water = 64,
	    .receive_high_water = 64,
	    .handshake_us = 10000000,
	    .ping_us = 10000000,
	    .reconnect_us = 500000,
	    .reconnect_max_us = 60000000,
	    .backlog = 4096,
	    .linger_us = 0,
	};
}

void *road_context_open(void)
{
	void *context = zmq_ctx_new();
	if (!context || !hangup_is_held_back())
		abort();
	return context;
}

void road_context_close(void **contextp)
{
	if (!*contextp)
		return;
	while (zmq_ctx_term(*contextp) != 0 && errno == EINTR)
		;
	*contextp = NULL;
}

/* ---------------------------------------------------------------- options */

/* One option of a kind of socket: from the settings (in units of `unit`), or always the same. */
struct option {
	int name;
	size_t offset;
	int64_t unit;
	int fixed;
};

#define FROM(option, member, per)                                                                                      \
	{                                                                                                              \
		.name = option, .offset = offsetof(struct road_settings, member), .unit = per                          \
	}
#define ALWAYS(option, value)                                                                                          \
	{                                                                                                              \
		.name = option, .fixed = value                                                                         \
	}

static const struct option all_options[] = {
    FROM(ZMQ_LINGER, linger_us, 1000),       FROM(ZMQ_SNDHWM, high_water, 1),
    FROM(ZMQ_RCVHWM, receive_high_water, 1), FROM(ZMQ_HANDSHAKE_IVL, handshake_us, 1000),
    FROM(ZMQ_HEARTBEAT_IVL, ping_us, 1000),  ALWAYS(ZMQ_TCP_KEEPALIVE, 1),
    ALWAYS(ZMQ_TCP_KEEPALIVE_IDLE, 60),      ALWAYS(ZMQ_TCP_KEEPALIVE_INTVL, 20),
    ALWAYS(ZMQ_TCP_KEEPALIVE_CNT, 3),        ALWAYS(ZMQ_TCP_MAXRT, 30000),
};

/* Without IMMEDIATE libzmq would queue for a dead link and deliver old messages into a new session. */
static const struct option agent_options[] = {
    ALWAYS(ZMQ_IMMEDIATE, 1),
    FROM(ZMQ_RECONNECT_IVL, reconnect_us, 1000),
    FROM(ZMQ_RECONNECT_IVL_MAX, reconnect_max_us, 1000),
};

static const struct option centre_options[] = {
    ALWAYS(ZMQ_ROUTER_MANDATORY, 1),
    FROM(ZMQ_BACKLOG, backlog, 1),
};

static const struct option feed_options[] = {
    FROM(ZMQ_BACKLOG, backlog, 1),
};

static const struct option join_options[] = {
    FROM(ZMQ_RECONNECT_IVL, reconnect_us, 1000),
    FROM(ZMQ_RECONNECT_IVL_MAX, reconnect_max_us, 1000),
};

static void set_int(void *socket, int name, int64_t value)
{
	int small = value > INT32_MAX ? INT32_MAX : (int)value;
	int rc = zmq_setsockopt(socket, name, &small, sizeof small);
	assert(rc == 0);
	(void)rc;
}

static void set_table(void *socket, const struct option *table, size_t n, const struct road_settings *settings)
{
	for (size_t i = 0; i < n; i++) {
		int64_t value = table[i].fixed;
		if (table[i].unit)
			value = *(const int64_t *)((const char *)settings + table[i].offset) / table[i].unit;
		set_int(socket, table[i].name, value);
	}
}

static void set_common(void *socket, const struct road_settings *settings)
{
	set_table(socket, all_options, COUNT(all_options), settings);
	set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, settings->ping_us / 1000 * 3);
	set_int(socket, ZMQ_HEARTBEAT_TTL, settings->ping_us / 1000 * 3);
	int rc = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &settings->message_bytes, sizeof settings->message_bytes);
	assert(rc == 0);
	(void)rc;
}

static void set_text(void *socket, int name, const char *value)
{
	int rc = zmq_setsockopt(socket, name, value, strlen(value));
	assert(rc == 0);
	(void)rc;
}

static void set_curve_server(void *socket, const struct keys *keys, const char *domain)
{
	if (!keys)
		return;
	set_int(socket, ZMQ_CURVE_SERVER, 1);
	set_text(socket, ZMQ_CURVE_SECRETKEY, keys->curve_secret);
	set_text(socket, ZMQ_ZAP_DOMAIN, domain);
}

static void set_curve_client(void *socket, const struct keys *keys, const struct keys *centre)
{
	if (!keys)
		return;
	assert(centre);
	set_text(socket, ZMQ_CURVE_SERVERKEY, centre->curve_public);
	set_text(socket, ZMQ_CURVE_PUBLICKEY, keys->curve_public);
	set_text(socket, ZMQ_CURVE_SECRETKEY, keys->curve_secret);
}

/* ---------------------------------------------------------------- opening */

static bool may_be_plain(const char *endpoint)
{
	return strncmp(endpoint, "ipc://", 6) == 0 || strncmp(endpoint, "inproc://", 9) == 0;
}

static bool check_endpoint(const char *endpoint, const struct keys *keys, struct err *err)
{
	if (keys || may_be_plain(endpoint))
		return true;
	return err_set(err, ERR_CONFIG,
		       _("%s: without keys only ipc:// is allowed: give a key file, or an ipc:// endpoint"), endpoint);
}

static void *new_socket(void *context, int type, const struct road_settings *settings, struct err *err)
{
	void *socket = zmq_socket(context, type);
	if (!socket) {
		err_set_errno(err, ERR_OS, _("no more sockets: raise the limit of open files"));
		return NULL;
	}
	set_common(socket, settings);
	return socket;
}

static void *bind_or_close(void *socket, const char *endpoint, struct err *err)
{
	if (zmq_bind(socket, endpoint) == 0)
		return socket;
	err_set(err, ERR_UNAVAILABLE,
		_("cannot listen on %s: %s. Is another process there, or is the address not this machine's?"), endpoint,
		zmq_strerror(errno));
	road_close(&socket);
	return NULL;
}

static void *connect_or_close(void *socket, const char *endpoint, struct err *err)
{
	if (zmq_connect(socket, endpoint) == 0)
		return socket;
	err_set(err, ERR_CONFIG, _("%s cannot be connected to: %s. Write it as tcp://HOST:PORT"), endpoint,
		zmq_strerror(errno));
	road_close(&socket);
	return NULL;
}

/* Watched before it connects: on a fast line the handshake is over before connect() returns, and nobody would hear of it. */
static void *watch_and_connect(void *context, void *socket, const char *endpoint, void **ret_monitor, struct err *err)
{
	if (ret_monitor && !(*ret_monitor = road_monitor_open(context, socket, err))) {
		road_close(&socket);
		return NULL;
	}
	void *connected = connect_or_close(socket, endpoint, err);
	if (!connected && ret_monitor)
		road_close(ret_monitor);
	return connected;
}

void *road_agent_open(void *context, const char *endpoint, const struct keys *keys, const struct keys *centre,
		      const struct road_settings *settings, void **ret_monitor, struct err *err)
{
	void *socket = check_endpoint(endpoint, keys, err) ? new_socket(context, ZMQ_DEALER, settings, err) : NULL;
	if (!socket)
		return NULL;
	set_table(socket, agent_options, COUNT(agent_options), settings);
	set_curve_client(socket, keys, centre);
	return watch_and_connect(context, socket, endpoint, ret_monitor, err);
}

void *road_centre_open(void *context, const char *endpoint, const struct keys *keys,
		       const struct road_settings *settings, struct err *err)
{
	void *socket = check_endpoint(endpoint, keys, err) ? new_socket(context, ZMQ_ROUTER, settings, err) : NULL;
	if (!socket)
		return NULL;
	set_table(socket, centre_options, COUNT(centre_options), settings);
	/* Longer than the agents', so that one whose key is not known yet sees its own time run out, not a closed door. */
	set_int(socket, ZMQ_HANDSHAKE_IVL, settings->handshake_us / 1000 * 3 / 2);
	set_curve_server(socket, keys, ROAD_ZAP_DOMAIN);
	return bind_or_close(socket, endpoint, err);
}

void *road_feed_open(void *context, const char *endpoint, const struct keys *keys, const struct road_settings *settings,
		     struct err *err)
{
	void *socket = check_endpoint(endpoint, keys, err) ? new_socket(context, ZMQ_XPUB, settings, err) : NULL;
	if (!socket)
		return NULL;
	set_table(socket, feed_options, COUNT(feed_options), settings);
	set_curve_server(socket, keys, ROAD_FEED_ZAP_DOMAIN);
	return bind_or_close(socket, endpoint, err);
}

void *road_feed_join(void *context, const char *endpoint, const struct keys *keys, const struct keys *centre,
		     const char *const *prefixes, size_t n, const struct road_settings *settings, void **ret_monitor,
		     struct err *err)
{
	void *socket = check_endpoint(endpoint, keys, err) ? new_socket(context, ZMQ_SUB, settings, err) : NULL;
	if (!socket)
		return NULL;
	set_table(socket, join_options, COUNT(join_options), settings);
	set_curve_client(socket, keys, centre);
	for (size_t i = 0; i < n; i++)
		set_text(socket, ZMQ_SUBSCRIBE, prefixes[i]);
	if (n == 0)
		set_text(socket, ZMQ_SUBSCRIBE, "");
	return watch_and_connect(context, socket, endpoint, ret_monitor, err);
}

void road_close(void **socketp)
{
	if (*socketp)
		zmq_close(*socketp);
	*socketp = NULL;
}

char *road_endpoint(void *socket, char buf[static ROAD_ENDPOINT_MAX])
{
	size_t size = ROAD_ENDPOINT_MAX;
	if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, buf, &size) != 0)
		buf[0] = '\0';
	return buf;
}

/* ---------------------------------------------------------------- receiving */

/* One frame if there is one; false when none waits. */
static bool next_frame(void *socket, zmq_msg_t *frame)
{
	int rc;
	do
		rc = zmq_msg_recv(frame, socket, ZMQ_DONTWAIT);
	while (rc < 0 && errno == EINTR);
	assert(rc >= 0 || errno == EAGAIN);
	return rc >= 0;
}

/* Reads the rest of a message away; true when there was a rest. */
static bool drop_rest(void *socket, zmq_msg_t *frame)
{
	bool more = false;
	while (zmq_msg_more(frame)) {
		more = true;
		if (!next_frame(socket, frame))
			break;
	}
	return more;
}

static void keep(struct road_message *m, zmq_msg_t *frame)
{
	size_t len = zmq_msg_size(frame);
	if (len > m->room || !m->owned) {
		free(m->owned);
		m->room = len ? len : 1;
		m->owned = xmalloc(m->room);
	}
	memcpy(m->owned, zmq_msg_data(frame), len);
	m->data = m->owned;
	m->len = len;
}

/* A User-Id that is missing or too long is none: the caller refuses. */
static void keep_user(struct road_message *m, zmq_msg_t *frame)
{
	const char *user = zmq_msg_gets(frame, "User-Id");
	m->user[0] = '\0';
	if (user && strlen(user) <= ROAD_USER_MAX)
		memcpy(m->user, user, strlen(user) + 1);
}

static bool keep_peer(struct road_message *m, zmq_msg_t *frame)
{
	const uint8_t *id = zmq_msg_data(frame);
	if (zmq_msg_size(frame) != ROUTING_BYTES || id[0] != 0)
		return false;
	m->peer = PEER_MARK | (uint64_t)id[1] << 24 | (uint64_t)id[2] << 16 | (uint64_t)id[3] << 8 | id[4];
	return true;
}

static bool keep_topic(struct road_message *m, zmq_msg_t *frame)
{
	size_t len = zmq_msg_size(frame);
	if (len > ROAD_TOPIC_MAX)
		return false;
	memcpy(m->topic, zmq_msg_data(frame), len);
	m->topic[len] = '\0';
	return true;
}

static void forget(struct road_message *m)
{
	m->data = NULL;
	m->len = 0;
	m->peer = 0;
	m->fd = -1;
	m->user[0] = m->topic[0] = '\0';
}

/* A head frame (routing id or topic) and one payload frame; anything else is read away. */
static enum road_result receive_two(void *socket, struct road_message *m,
				    bool (*keep_head)(struct road_message *, zmq_msg_t *))
{
	zmq_msg_t frame;
	forget(m);
	zmq_msg_init(&frame);
	enum road_result result = ROAD_NONE;
	if (next_frame(socket, &frame)) {
		bool fine = keep_head(m, &frame) && zmq_msg_more(&frame) && next_frame(socket, &frame);
		if (fine) {
			keep_user(m, &frame);
			keep(m, &frame);
			m->fd = zmq_msg_get(&frame, ZMQ_SRCFD);
		}
		result = drop_rest(socket, &frame) || !fine ? ROAD_ODD : ROAD_OK;
	}
	zmq_msg_close(&frame);
	return result;
}

enum road_result road_receive(void *agent_socket, struct road_message *m)
{
	zmq_msg_t frame;
	forget(m);
	zmq_msg_init(&frame);
	enum road_result result = ROAD_NONE;
	if (next_frame(agent_socket, &frame)) {
		keep(m, &frame);
		result = drop_rest(agent_socket, &frame) ? ROAD_ODD : ROAD_OK;
	}
	zmq_msg_close(&frame);
	return result;
}

enum road_result road_receive_from(void *centre_socket, struct road_message *m)
{
	return receive_two(centre_socket, m, keep_peer);
}

enum road_result road_feed_receive(void *joined_socket, struct road_message *m)
{
	return receive_two(joined_socket, m, keep_topic);
}

void road_message_clear(struct road_message *m)
{
	free(m->owned);
	memset(m, 0, sizeof *m);
}

uint8_t *road_message_take(struct road_message *m)
{
	uint8_t *data = m->owned;
	assert(data && m->data);
	m->owned = NULL;
	m->room = 0;
	forget(m);
	return data;
}

/* ---------------------------------------------------------------- sending */

static enum road_result not_sent(int error)
{
	assert(error == EAGAIN || error == EHOSTUNREACH);
	return error == EAGAIN ? ROAD_NONE : ROAD_GONE;
}

static enum road_result send_frame(void *socket, const void *data, size_t len, int flags)
{
	int rc;
	do
		rc = zmq_send(socket, data, len, ZMQ_DONTWAIT | flags);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? not_sent(errno) : ROAD_OK;
}

/*
 * Sending and receiving, libzmq looks into its mailbox only now and then (once in some 3 million clock ticks), and may not
 * have seen a connection that the monitor told of already. Asking for ZMQ_EVENTS makes it look.
 */
static void look_now(void *socket)
{
	int events;
	size_t size = sizeof events;
	zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
}

enum road_result road_send(void *agent_socket, const void *data, size_t len)
{
	enum road_result result = send_frame(agent_socket, data, len, 0);
	if (result != ROAD_NONE)
		return result;
	look_now(agent_socket);
	return send_frame(agent_socket, data, len, 0);
}

static enum road_result send_peer(void *centre_socket, uint64_t peer)
{
	const uint8_t id[ROUTING_BYTES] = {0, (uint8_t)(peer >> 24), (uint8_t)(peer >> 16), (uint8_t)(peer >> 8),
					   (uint8_t)peer};
	assert(peer & PEER_MARK);
	return send_frame(centre_socket, id, sizeof id, ZMQ_SNDMORE);
}

enum road_result road_send_to(void *centre_socket, uint64_t peer, const void *data, size_t len)
{
	enum road_result result = send_peer(centre_socket, peer);
	return result == ROAD_OK ? send_frame(centre_socket, data, len, 0) : result;
}

/* One more than the bytes as long as its owner has it: who brings it to 0 frees it. */
struct road_held {
	atomic_size_t count;
};

struct parcel {
	struct road_held *held;
	size_t len;
	uint8_t data[];
};

static void let_go(struct road_held *held, size_t n)
{
	if (atomic_fetch_sub(&held->count, n) == n)
		free(held);
}

struct road_held *road_held_new(void)
{
	struct road_held *held = xcalloc(1, sizeof *held);
	atomic_init(&held->count, 1);
	return held;
}

void road_held_free(struct road_held **heldp)
{
	if (*heldp)
		let_go(*heldp, 1);
	*heldp = NULL;
}

size_t road_held_bytes(const struct road_held *held)
{
	return atomic_load(&held->count) - 1;
}

/* In libzmq's thread, or in ours where it was not sent. */
static void free_parcel(void *data, void *context)
{
	struct parcel *p = context;
	(void)data;
	let_go(p->held, p->len);
	free(p);
}

static void wrap(zmq_msg_t *frame, const void *data, size_t len, struct road_held *held)
{
	struct parcel *p = xmalloc(sizeof *p + len);
	p->held = held;
	p->len = len;
	memcpy(p->data, data, len);
	atomic_fetch_add(&held->count, len);
	int rc = zmq_msg_init_data(frame, p->data, len, free_parcel, p);
	assert(rc == 0);
	(void)rc;
}

enum road_result road_send_held(void *centre_socket, uint64_t peer, const void *data, size_t len,
				struct road_held *held)
{
	enum road_result result = send_peer(centre_socket, peer);
	if (result != ROAD_OK)
		return result;
	zmq_msg_t frame;
	wrap(&frame, data, len, held);
	int rc;
	do
		rc = zmq_msg_send(&frame, centre_socket, ZMQ_DONTWAIT);
	while (rc < 0 && errno == EINTR);
	if (rc >= 0)
		return ROAD_OK;
	int error = errno;
	zmq_msg_close(&frame);
	return not_sent(error);
}

void road_feed_send(void *feed_socket, const char *topic, const void *data, size_t len)
{
	if (send_frame(feed_socket, topic, strlen(topic), ZMQ_SNDMORE) == ROAD_OK)
		send_frame(feed_socket, data, len, 0);
}

size_t road_feed_drain(void *feed_socket)
{
	size_t n = 0;
	zmq_msg_t frame;
	zmq_msg_init(&frame);
	while (next_frame(feed_socket, &frame))
		n++;
	zmq_msg_close(&frame);
	return n;
}

void road_settle(void *agent_socket)
{
	zmq_pollitem_t item = {.socket = agent_socket, .events = ZMQ_POLLOUT};
	zmq_poll(&item, 1, ROAD_SETTLE_MS);
}

bool road_wait(void *socket, int64_t timeout_ms)
{
	zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
	return zmq_poll(&item, 1, (long)timeout_ms) > 0;
}

/* ---------------------------------------------------------------- the monitor */

static const struct {
	int zmq;
	enum road_event event;
} events[] = {
    {ZMQ_EVENT_CONNECTED, ROAD_EVENT_CONNECTED},
    {ZMQ_EVENT_HANDSHAKE_SUCCEEDED, ROAD_EVENT_READY},
    {ZMQ_EVENT_DISCONNECTED, ROAD_EVENT_DISCONNECTED},
    {ZMQ_EVENT_CLOSED, ROAD_EVENT_DISCONNECTED},
    {ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, ROAD_EVENT_BROKEN},
    {ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, ROAD_EVENT_NOT_CURVE},
    {ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, ROAD_EVENT_REFUSED},
};

void *road_monitor_open(void *context, void *agent_socket, struct err *err)
{
	static atomic_uint number;
	char address[64];
	int wanted = 0;
	snprintf(address, sizeof address, "inproc://tram.monitor.%u", atomic_fetch_add(&number, 1));
	for (size_t i = 0; i < COUNT(events); i++)
		wanted |= events[i].zmq;
	void *monitor = NULL;
	if (zmq_socket_monitor(agent_socket, address, wanted) != 0 || !(monitor = zmq_socket(context, ZMQ_PAIR)) ||
	    zmq_connect(monitor, address) != 0) {
		err_set_errno(err, ERR_OS, _("the connection cannot be watched: raise the limit of open files"));
		road_monitor_close(&monitor, agent_socket);
		return NULL;
	}
	set_int(monitor, ZMQ_LINGER, 0);
	return monitor;
}

void road_monitor_close(void **monitorp, void *agent_socket)
{
	/* The watched socket stops first: its half of the pair must not outlive ours (libzmq 4.3.4 has crashed there). */
	if (agent_socket)
		zmq_socket_monitor(agent_socket, NULL, 0);
	road_close(monitorp);
}

/* The monitor's first frame: which event (16 bits), and its value (32 bits), in the machine's own byte order. */
static enum road_event read_event(zmq_msg_t *frame)
{
	const uint8_t *data = zmq_msg_data(frame);
	uint16_t zmq_event;
	uint32_t value;
	if (zmq_msg_size(frame) < sizeof zmq_event + sizeof value)
		return ROAD_EVENT_NONE;
	memcpy(&zmq_event, data, sizeof zmq_event);
	memcpy(&value, data + sizeof zmq_event, sizeof value);
	/* A peer that says nothing until the time is up (EAGAIN) is waiting for our key to be known. */
	if (zmq_event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL && value == EAGAIN)
		return ROAD_EVENT_UNANSWERED;
	for (size_t i = 0; i < COUNT(events); i++)
		if (events[i].zmq == zmq_event)
			return events[i].event;
	return ROAD_EVENT_NONE;
}

enum road_event road_monitor_next(void *monitor)
{
	zmq_msg_t frame;
	enum road_event event = ROAD_EVENT_NONE;
	zmq_msg_init(&frame);
	while (event == ROAD_EVENT_NONE && next_frame(monitor, &frame)) {
		event = read_event(&frame);
		drop_rest(monitor, &frame);
	}
	zmq_msg_close(&frame);
	return event;
}
