/* SPDX-License-Identifier: Apache-2.0 */
/*
 * road - ZeroMQ sockets, set up the one right way for each end, and whole messages on them.
 *
 * A message on the road is one frame; a feed message is two (topic, body). Nothing here blocks: a socket that cannot
 * take or give says so. A returned send means nothing: only an acknowledgement does. Sockets are zmq sockets (void *)
 * so that a loop may poll them together with others; each belongs to one thread. Who may connect is decided by the ZAP
 * handler of the context (gate/); the domains below tell it which door was knocked at. It must be bound before a socket
 * with keys is opened for listening: where no handler is, libzmq 4.3.4 lets everybody in, with no User-Id.
 */
#ifndef TRAM_ROAD_H
#define TRAM_ROAD_H

#include "err.h"
#include "keys.h"

#include <stddef.h>
#include <stdint.h>

#define ROAD_ZAP_DOMAIN      "tram.road"
#define ROAD_FEED_ZAP_DOMAIN "tram.feed"

/* Where the feed is heard unless a centre's settings say otherwise. */
#define ROAD_FEED_ENDPOINT "ipc:///run/tram-aggregator/feed"

#define ROAD_USER_MAX     255
#define ROAD_TOPIC_MAX    255
#define ROAD_ENDPOINT_MAX 256

/* What a socket may hold and how long it waits; road_settings_init() fills in the documented defaults. */
struct road_settings {
	int64_t message_bytes; /* a larger frame closes the connection: check sizes before sending. 4 MiB + 64 KiB */
	int64_t high_water;    /* messages that may wait to be sent on one connection. 64; feed: 10,000 */
	int64_t receive_high_water; /* those that may wait to be received: beyond, the connection is not read. 64 */
	int64_t handshake_us;       /* 10 s */
	int64_t ping_us; /* ZMTP's own heartbeat: proves the link, not the peer's health. 10 s, given up after 30 s */
	int64_t reconnect_us;     /* first wait (libzmq doubles it and adds jitter). 500 ms */
	int64_t reconnect_max_us; /* 60 s */
	int64_t backlog;          /* connections waiting for accept(). 4096 */
	int64_t linger_us;        /* what a closing socket may wait to send. 0 */
};
void road_settings_init(struct road_settings *settings);

/* The context of a process; one I/O thread serves it. Never NULL. Close every socket before the context. */
void *road_context_open(void);
void road_context_close(void **contextp);

/*
 * Opens a socket. keys: the secret keys of this end; NULL: no CURVE, which only ipc:// and inproc:// permit. Caller
 * closes with road_close(). NULL and *err (endpoint and remedy named) on failure.
 */
void *road_agent_open(void *context, const char *endpoint, const struct keys *keys, const struct keys *centre,
		      const struct road_settings *settings, void **ret_monitor, struct err *err)
    MUST_CHECK; /* DEALER, connects; watched from before that, unless ret_monitor is NULL */
void *road_centre_open(void *context, const char *endpoint, const struct keys *keys,
		       const struct road_settings *settings, struct err *err) MUST_CHECK; /* ROUTER, binds */
void *road_feed_open(void *context, const char *endpoint, const struct keys *keys, const struct road_settings *settings,
		     struct err *err) MUST_CHECK; /* XPUB, binds */
/*
 * SUB, connects; every topic that starts with one of the prefixes. n 0: all. ret_monitor: NULL, or gets a monitor as of
 * road_monitor_open() that misses nothing, as it is opened before the connection is tried.
 */
void *road_feed_join(void *context, const char *endpoint, const struct keys *keys, const struct keys *centre,
		     const char *const *prefixes, size_t n, const struct road_settings *settings, void **ret_monitor,
		     struct err *err) MUST_CHECK;

/* Closes and sets *socketp to NULL; NULL is fine. */
void road_close(void **socketp);

/* Where the socket really is ("tcp://127.0.0.1:24601" for a wildcard port). Returns buf. */
char *road_endpoint(void *socket, char buf[static ROAD_ENDPOINT_MAX]);

enum road_result {
	ROAD_OK,
	ROAD_NONE, /* receive: nothing waits. send: no room, or no connection (agent): not sent */
	ROAD_GONE, /* send: the peer is not connected any more */
	ROAD_ODD, /* receive: a message of the wrong shape was read away (many-part, or a peer that chose its routing id) */
};

/* One message received. Zero it before first use; each receive replaces what was in it. */
struct road_message {
	const uint8_t *data; /* valid until the next receive into it, or road_message_clear() */
	size_t len;
	uint64_t peer; /* centre: the connection it came by; never 0 */
	char user[ROAD_USER_MAX +
		  1]; /* centre: User-Id of the payload frame, as the ZAP handler gave it; "": none, refuse */
	int fd; /* centre: the connection's descriptor, which is libzmq's; -1: not known. It may have been closed since */
	char topic[ROAD_TOPIC_MAX + 1]; /* feed */
	uint8_t *owned;
	size_t room;
};
void road_message_clear(struct road_message *m);

/* Takes the bytes out of the message; caller frees. Never NULL. */
uint8_t *road_message_take(struct road_message *m);

/* The next message; after a poll, call until ROAD_NONE. */
enum road_result road_receive(void *agent_socket, struct road_message *m);
enum road_result road_receive_from(void *centre_socket, struct road_message *m);
enum road_result road_feed_receive(void *joined_socket, struct road_message *m);

/* Copies and sends. */
enum road_result road_send(void *agent_socket, const void *data, size_t len);
enum road_result road_send_to(void *centre_socket, uint64_t peer, const void *data, size_t len);

/*
 * The bytes that wait to be written to one peer. Sent with it, a message counts until libzmq takes it up for writing, or the
 * connection has ended. Freed at once or, where messages wait, with the last of them, by whichever thread that is.
 */
struct road_held;
struct road_held *road_held_new(void);
void road_held_free(struct road_held **heldp);
size_t road_held_bytes(const struct road_held *held);
enum road_result road_send_held(void *centre_socket, uint64_t peer, const void *data, size_t len,
				struct road_held *held);

/* To whoever listens now; a subscriber that is too slow misses it. */
void road_feed_send(void *feed_socket, const char *topic, const void *data, size_t len);

/* Reads away subscriptions that came in (libzmq keeps them all until read); returns how many. Call after a poll. */
size_t road_feed_drain(void *feed_socket);

/* Waits until the socket can be read; false when timeout_ms (-1: for ever) passed or a signal came. For commands, not daemons. */
bool road_wait(void *socket, int64_t timeout_ms);

/* ---------------------------------------------------------------- what becomes of an agent's connection */

enum road_event {
	ROAD_EVENT_NONE,         /* nothing waits */
	ROAD_EVENT_CONNECTED,    /* TCP is up; the handshake runs */
	ROAD_EVENT_READY,        /* the handshake succeeded: both keys are right */
	ROAD_EVENT_DISCONNECTED, /* the connection ended, or could not be made; libzmq tries again */
	ROAD_EVENT_UNANSWERED, /* the handshake was not answered in time: the centre does not know the key yet, or a slow line */
	ROAD_EVENT_BROKEN,    /* the peer hung up during the handshake: most often the wrong centre key */
	ROAD_EVENT_NOT_CURVE, /* the peer does not speak CURVE, or not ZMTP */
	ROAD_EVENT_REFUSED,   /* the centre refused the key: libzmq will not try again on this socket */
};

/*
 * A socket (PAIR) that tells the events of an agent's socket from now on: what happened before is never told, so watch a
 * socket before it connects. Close it with road_monitor_close(), before the watched one.
 */
void *road_monitor_open(void *context, void *agent_socket, struct err *err) MUST_CHECK;
void road_monitor_close(void **monitorp, void *agent_socket);
enum road_event road_monitor_next(void *monitor);

/*
 * After ROAD_EVENT_READY, before the first message: the monitor may tell of a connection a moment before the socket has it.
 * Waits until it has, at most ROAD_SETTLE_MS.
 */
#define ROAD_SETTLE_MS 200
void road_settle(void *agent_socket);

#endif
