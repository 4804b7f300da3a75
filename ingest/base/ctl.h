/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl - the frames of a control socket: a Unix stream socket, each message a 4-byte big-endian length and its bytes.
 *
 * The server half never blocks: it is driven from the daemon's poll and bounds what a client may make it hold. Who may
 * connect is decided by the socket's folder and mode (0660). One thread. It knows nothing of what the bytes mean.
 */
#ifndef TRAM_CTL_H
#define TRAM_CTL_H

#include "err.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CTL_MESSAGE_MAX (4u << 20)
#define CTL_CLIENTS_MAX 32                    /* one more is closed at once */
#define CTL_FDS_MAX     (CTL_CLIENTS_MAX + 1) /* what ctl_server_prepare() may want room for */

struct ctl_server;
struct ctl_client; /* one connection, owned by the server; user data lives with it */

struct ctl_handler {
	/* One whole message. The bytes are the server's, valid for the call. */
	void (*message)(void *context, struct ctl_client *client, const uint8_t *data, size_t len);
	/* The connection is going away; last use of client. May be NULL. */
	void (*closed)(void *context, struct ctl_client *client);
};

/* Why connections were ended from this side, since the server opened. */
struct ctl_counts {
	uint64_t accepted;
	uint64_t turned_away; /* CTL_CLIENTS_MAX were there already */
	uint64_t too_big;     /* announced more than CTL_MESSAGE_MAX */
	uint64_t too_slow;    /* did not finish a frame within 30 s, or read its last answer within 10 s */
	uint64_t not_reading; /* left CTL_MESSAGE_MAX bytes of answers unread */
};

/* Binds path (replacing a socket nobody answers on; refusing one that is alive), mode 0660. NULL and *err on failure. */
struct ctl_server *ctl_server_open(const char *path, const struct ctl_handler *handler, void *context,
				   struct err *err) MUST_CHECK;

/* Closes all connections at once (calling closed() for each), removes the socket, sets *sp to NULL; NULL is fine. */
void ctl_server_close(struct ctl_server **sp);

/* Adds what to wait for to fds (room for max); returns how many. Then hand the same array back after the wait, also when
 * the wait timed out: that is when clients too slow are found. */
size_t ctl_server_prepare(struct ctl_server *s, struct pollfd *fds, size_t max);
void ctl_server_serve(struct ctl_server *s, const struct pollfd *fds, size_t n);

/* The server's, valid as long as it. */
const struct ctl_counts *ctl_server_counts(const struct ctl_server *s);

/* Queues a message of at most CTL_MESSAGE_MAX bytes; sent in the next turns of the loop. A client that does not read what
 * it asked for is closed when more than CTL_MESSAGE_MAX bytes would wait … */
void ctl_send(struct ctl_client *client, const void *data, size_t len);
/* … so a long answer asks first: bytes waiting now. */
size_t ctl_pending(const struct ctl_client *client);

/* Hears no more of the client, sends what is queued, then closes: closed() comes from a later turn, never from here. */
void ctl_close(struct ctl_client *client);

void ctl_set_user(struct ctl_client *client, void *user);
void *ctl_user(const struct ctl_client *client);

/* Who is at the other end, by the kernel's word. False when it does not tell. */
bool ctl_peer(const struct ctl_client *client, uid_t *ret_uid) MUST_CHECK;

/* The client half, blocking. A descriptor, or -1 and *err (with what to do: is the service running?). */
int ctl_connect(const char *path, struct err *err) MUST_CHECK;
bool ctl_write(int fd, const void *data, size_t len, struct err *err) MUST_CHECK;
/* The next message, caller frees; NULL and *err on failure, also when timeout_ms (-1: for ever) passes. */
uint8_t *ctl_read(int fd, int64_t timeout_ms, size_t *ret_len, struct err *err) MUST_CHECK;

#endif
