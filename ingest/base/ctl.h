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

#define CTL_MESSAGE_MAX (4u << 20)
#define CTL_CLIENTS_MAX 32

struct ctl_server;
struct ctl_client; /* one connection, owned by the server; user data lives with it */

struct ctl_handler {
	/* One whole message. The bytes are the server's, valid for the call. */
	void (*message)(void *context, struct ctl_client *client, const uint8_t *data, size_t len);
	/* The connection is going away; last use of client. */
	void (*closed)(void *context, struct ctl_client *client);
};

/* Binds path (replacing a socket nobody answers on; refusing one that is alive), mode 0660. NULL and *err on failure. */
struct ctl_server *ctl_server_open(const char *path, const struct ctl_handler *handler, void *context,
				   struct err *err) MUST_CHECK;
void ctl_server_close(struct ctl_server **sp);

/* Adds what to wait for to fds (room for max); returns how many. Then hand the same array back after the wait. */
size_t ctl_server_prepare(struct ctl_server *s, struct pollfd *fds, size_t max);
void ctl_server_serve(struct ctl_server *s, const struct pollfd *fds, size_t n);

/* Queues a message to the client; a client that does not read what it asked for is closed at CTL_MESSAGE_MAX waiting bytes … */
void ctl_send(struct ctl_client *client, const void *data, size_t len);
/* … so a long answer asks first: bytes waiting now. */
size_t ctl_pending(const struct ctl_client *client);
void ctl_close(struct ctl_client *client);
void ctl_set_user(struct ctl_client *client, void *user);
void *ctl_user(const struct ctl_client *client);

/* The client half, blocking. A descriptor, or -1 and *err (with what to do: is the agent running?). */
int ctl_connect(const char *path, struct err *err) MUST_CHECK;
bool ctl_write(int fd, const void *data, size_t len, struct err *err) MUST_CHECK;
/* The next message, caller frees; NULL and *err on failure, also when timeout_ms (-1: for ever) passes. */
uint8_t *ctl_read(int fd, int64_t timeout_ms, size_t *ret_len, struct err *err) MUST_CHECK;

#endif
