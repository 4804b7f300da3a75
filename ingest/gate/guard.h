/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard - cuts a connection that sends more than the centre takes from it: a message of ever more parts.
 *
 * libzmq bounds a part (ZMQ_MAXMSGSIZE) and counts whole messages (high-water marks); parts of a message that does not end it
 * keeps without a limit. So what TCP has delivered on each connection to the road's port is compared with what came out of the
 * socket as whole messages, and the connection is shut down when the difference is more than messages that wait can explain.
 * Sockets stay libzmq's: they are looked at, and shut down, through a duplicate. One thread, that of the loop.
 */
#ifndef TRAM_GUARD_H
#define TRAM_GUARD_H

#include "counter.h"

#include <stddef.h>
#include <stdint.h>

#define GUARD_INTERVAL_US  INT64_C(50000)
#define GUARD_SECOND_BYTES 64 /* ZMTP's own pings, which are no messages: for each second of a connection */

struct guard;

/* endpoint: as of road_endpoint(). limit: bytes of one connection that may have come in and not out. Never NULL. */
struct guard *guard_new(const char *endpoint, size_t limit, struct counters *counters);
void guard_free(struct guard **gp);

/* A whole message of so many bytes came out of this connection. */
void guard_heard(struct guard *g, int fd, size_t len);

/* Cuts what is over the limit; looks at most every GUARD_INTERVAL_US. */
void guard_look(struct guard *g, int64_t now_us);

#endif
