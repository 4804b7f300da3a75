/* SPDX-License-Identifier: Apache-2.0 */
#include "guard.h"

#include "mem.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECOND_US   INT64_C(1000000)
#define LONG_FRAME  255 /* ZMTP: a longer one has its length in 8 bytes */
#define CURVE_BYTES 33  /* of a MESSAGE: its name, nonce, authenticator and flags */
#define SHAKE_BYTES 4096

/* A connection by its descriptor, as long as its cookie is the same. */
struct line {
	uint64_t cookie, heard;
	int64_t since_us;
};

struct guard {
	uint16_t port;
	size_t limit;
	struct counters *counters;
	struct line *lines;
	size_t n;
	int64_t look_at_us, now_us;
};

struct guard *guard_new(const char *endpoint, size_t limit, struct counters *counters)
{
	struct guard *g = xcalloc(1, sizeof(*g));
	const char *colon = strrchr(endpoint, ':');
	g->port = colon ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
	g->limit = limit;
	g->counters = counters;
	return g;
}

void guard_free(struct guard **gp)
{
	if (*gp)
		free((*gp)->lines);
	free(*gp);
	*gp = NULL;
}

/* ---------------------------------------------------------------- connections */

static bool is_of_port(const struct guard *g, int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at;
	socklen_t len = sizeof(at);
	if (getsockname(fd, &at.any, &len) != 0)
		return false;
	return (at.any.sa_family == AF_INET && ntohs(at.v4.sin_port) == g->port) ||
	       (at.any.sa_family == AF_INET6 && ntohs(at.v6.sin6_port) == g->port);
}

/* The connection that the descriptor is now, anew if it was another one; NULL: none of the road's. */
static struct line *line_of(struct guard *g, int fd)
{
	uint64_t cookie;
	socklen_t len = sizeof(cookie);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) != 0)
		return NULL;
	if ((size_t)fd >= g->n) {
		size_t n = (size_t)fd + 64;
		g->lines = xreallocarray(g->lines, n, sizeof(*g->lines));
		memset(g->lines + g->n, 0, (n - g->n) * sizeof(*g->lines));
		g->n = n;
	}
	struct line *l = &g->lines[fd];
	if (l->cookie == cookie)
		return l;
	if (!is_of_port(g, fd))
		return NULL;
	*l = (struct line){.cookie = cookie, .since_us = g->now_us};
	return l;
}

void guard_heard(struct guard *g, int fd, size_t len)
{
	struct line *l = line_of(g, fd);
	if (l)
		l->heard += len + CURVE_BYTES + (len + CURVE_BYTES > LONG_FRAME ? 9 : 2);
}

/* What libzmq has read from the connection. 0: it is not connected (the socket that listens). */
static uint64_t bytes_read(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	int waiting = 0;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || ioctl(fd, FIONREAD, &waiting) != 0)
		return 0;
	return info.tcpi_bytes_received - (uint64_t)waiting;
}

static bool is_over(const struct guard *g, struct line *l, uint64_t read)
{
	if (l->heard > read) /* what a connection before it had on the same descriptor came late */
		l->heard = read;
	uint64_t pings = (uint64_t)((g->now_us - l->since_us) / SECOND_US) * GUARD_SECOND_BYTES;
	return read - l->heard > g->limit + SHAKE_BYTES + pings;
}

/* The duplicate is the same connection whatever libzmq does meanwhile with its own descriptor. */
static void look_at(struct guard *g, int fd)
{
	struct line *l = line_of(g, fd);
	if (!l)
		return;
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	int ours = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	bool same = ours >= 0 && getsockopt(ours, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 && cookie == l->cookie;
	if (same && is_over(g, l, bytes_read(ours))) {
		shutdown(ours, SHUT_RDWR);
		count(g->counters, COUNTER_CUT);
	}
	if (ours >= 0)
		close(ours);
}

void guard_look(struct guard *g, int64_t now_us)
{
	g->now_us = now_us;
	if (now_us < g->look_at_us || g->port == 0)
		return;
	g->look_at_us = now_us + GUARD_INTERVAL_US;
	DIR *all = opendir("/proc/self/fd");
	if (!all)
		return;
	for (const struct dirent *e; (e = readdir(all));)
		if (e->d_name[0] != '.')
			look_at(g, (int)strtol(e->d_name, NULL, 10));
	closedir(all);
}
