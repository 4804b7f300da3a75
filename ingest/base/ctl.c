/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl.h"
#include "clock.h"
#include "lang.h"
#include "mem.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HEAD             4
#define READ_SIZE        (64u << 10)         /* a turn */
#define UNREAD_MAX       (256u << 10)        /* with more waiting, nothing new is taken from the client */
#define FRAME_TIME       (30 * CLOCK_SECOND) /* to finish a frame once begun */
#define FLUSH_TIME       (10 * CLOCK_SECOND) /* to take the last words after ctl_close() */
#define ACCEPT_REST      (1 * CLOCK_SECOND)  /* when descriptors have run out */
#define BUFFER_KEPT      (64u << 10)         /* an empty buffer bigger than this is given back */
#define CLIENT_SEND_TIME 30                  /* s: the blocking half */

/* Bytes first … first + used - 1 of data. */
struct buffer {
	uint8_t *data;
	size_t size, first, used;
};

enum state {
	OPEN,
	CLOSING, /* says its last words, hears nothing */
	DEAD,    /* closed and freed in the next sweep */
};

struct ctl_client {
	struct ctl_server *server;
	int fd;
	enum state state;
	struct buffer in, out;
	int64_t deadline_us; /* of the frame begun, or of the last words; 0: none */
	void *user;
};

struct ctl_server {
	char *path;
	dev_t device;
	ino_t inode;
	int fd;
	struct ctl_handler handler;
	void *context;
	struct ctl_client *clients[CTL_CLIENTS_MAX];
	size_t n;
	int64_t rest_until_us;
	struct ctl_counts counts;
};

/* --- buffers --- */

static uint8_t *start_of(const struct buffer *b)
{
	return b->data + b->first;
}

static void make_room(struct buffer *b, size_t more)
{
	size_t size = b->size ? b->size : 4096;

	if (b->first + b->used + more <= b->size) {
		return;
	}
	if (b->first > 0) {
		memmove(b->data, b->data + b->first, b->used);
		b->first = 0;
	}
	while (size < b->used + more) {
		size *= 2;
	}
	if (size > b->size) {
		b->data = xrealloc(b->data, b->size = size);
	}
}

static void append(struct buffer *b, const void *bytes, size_t len)
{
	make_room(b, len);
	if (len > 0) {
		memcpy(start_of(b) + b->used, bytes, len);
	}
	b->used += len;
}

static void release(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){0};
}

static void consume(struct buffer *b, size_t len)
{
	assert(len <= b->used);
	b->first += len;
	b->used -= len;
	if (b->used == 0) {
		b->first = 0;
		if (b->size > BUFFER_KEPT) {
			release(b);
		}
	}
}

static void write_head(uint8_t head[static HEAD], size_t len)
{
	head[0] = (uint8_t)(len >> 24);
	head[1] = (uint8_t)(len >> 16);
	head[2] = (uint8_t)(len >> 8);
	head[3] = (uint8_t)len;
}

static size_t read_head(const uint8_t head[static HEAD])
{
	return (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
}

/* --- opening --- */

static bool fill_address(const char *path, struct sockaddr_un *address, struct err *err)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address->sun_path) {
		return err_set(err, ERR_CONFIG,
			       _("the socket path %s is too long: at most %zu bytes, so choose a shorter folder"), path,
			       sizeof address->sun_path - 1);
	}
	memcpy(address->sun_path, path, strlen(path) + 1);
	return true;
}

/* A socket file outlives a killed process; one that answers belongs to a living one. */
static bool remove_stale(const char *path, const struct sockaddr_un *address, struct err *err)
{
	struct stat st;
	int fd, status, cause;

	if (lstat(path, &st) < 0) {
		return errno == ENOENT || err_set_errno(err, ERR_CANTCREAT, _("cannot look at %s"), path);
	}
	if (!S_ISSOCK(st.st_mode)) {
		return err_set(err, ERR_CANTCREAT, _("%s is in the way: it is not a socket"), path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return err_set_errno(err, ERR_OS, _("cannot make a socket"));
	}
	status = connect(fd, (const struct sockaddr *)address, sizeof *address);
	cause = errno;
	close(fd);
	if (status == 0 || cause != ECONNREFUSED) {
		return err_set(err, ERR_UNAVAILABLE, _("somebody answers on %s already: is the service running twice?"),
			       path);
	}
	return unlink(path) == 0 || err_set_errno(err, ERR_CANTCREAT, _("cannot replace %s"), path);
}

/* The mode is set before the name exists, so there is no moment in which anybody may connect. */
static bool bind_private(int fd, const char *path, const struct sockaddr_un *address, struct err *err)
{
	if (fchmod(fd, 0660) < 0 || bind(fd, (const struct sockaddr *)address, sizeof *address) < 0) {
		return err_set_errno(err, ERR_CANTCREAT, _("cannot make the socket %s"), path);
	}
	if (chmod(path, 0660) < 0 || listen(fd, CTL_CLIENTS_MAX) < 0) {
		err_set_errno(err, ERR_CANTCREAT, _("cannot listen on %s"), path);
		unlink(path);
		return false;
	}
	return true;
}

struct ctl_server *ctl_server_open(const char *path, const struct ctl_handler *handler, void *context, struct err *err)
{
	struct sockaddr_un address;
	struct ctl_server *s;
	struct stat st = {0};
	int fd;

	if (!fill_address(path, &address, err) || !remove_stale(path, &address, err)) {
		return NULL;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		err_set_errno(err, ERR_OS, _("cannot make a socket"));
		return NULL;
	}
	if (!bind_private(fd, path, &address, err)) {
		close(fd);
		return NULL;
	}
	stat(path, &st);
	s = xcalloc(1, sizeof *s);
	*s = (struct ctl_server){.path = xstrdup(path),
				 .device = st.st_dev,
				 .inode = st.st_ino,
				 .fd = fd,
				 .handler = *handler,
				 .context = context};
	return s;
}

/* --- clients --- */

static void kill_client(struct ctl_client *c)
{
	c->state = DEAD;
}

static void bury(struct ctl_client *c)
{
	if (c->server->handler.closed) {
		c->server->handler.closed(c->server->context, c);
	}
	close(c->fd);
	release(&c->in);
	release(&c->out);
	free(c);
}

/* Clients are freed here only, so that a handler may close any of them at any time. */
static void sweep(struct ctl_server *s)
{
	int64_t now = clock_monotonic_us();
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct ctl_client *c = s->clients[i];

		if (c->deadline_us && now >= c->deadline_us && c->state != DEAD) {
			s->counts.too_slow++;
			kill_client(c);
		}
		if (c->state == CLOSING && c->out.used == 0) {
			kill_client(c);
		}
		if (c->state == DEAD) {
			bury(c);
		} else {
			s->clients[kept++] = c;
		}
	}
	s->n = kept;
}

void ctl_server_close(struct ctl_server **sp)
{
	struct ctl_server *s = *sp;
	struct stat st;

	if (!s) {
		return;
	}
	for (size_t i = 0; i < s->n; i++) {
		bury(s->clients[i]);
	}
	close(s->fd);
	if (stat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode) {
		unlink(s->path); /* not one that another process has put in its place */
	}
	free(s->path);
	free(s);
	*sp = NULL;
}

static void add_client(struct ctl_server *s, int fd)
{
	struct ctl_client *c;

	if (s->n == CTL_CLIENTS_MAX) {
		s->counts.turned_away++;
		close(fd);
		return;
	}
	s->counts.accepted++;
	c = xcalloc(1, sizeof *c);
	c->server = s;
	c->fd = fd;
	s->clients[s->n++] = c;
}

static void accept_waiting(struct ctl_server *s)
{
	for (int i = 0; i < CTL_CLIENTS_MAX; i++) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			add_client(s, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			s->rest_until_us = clock_monotonic_us() + ACCEPT_REST; /* or the loop would spin */
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

static bool takes_more(const struct ctl_client *c)
{
	return c->state == OPEN && c->out.used <= UNREAD_MAX;
}

/* Hands over the frames that are whole. Those behind a client's unread answers wait in the buffer. */
static void hand_over(struct ctl_client *c)
{
	struct ctl_server *s = c->server;

	while (takes_more(c) && c->in.used >= HEAD) {
		size_t len = read_head(start_of(&c->in));

		if (len > CTL_MESSAGE_MAX) {
			s->counts.too_big++;
			kill_client(c);
			return;
		}
		if (c->in.used < HEAD + len) {
			break;
		}
		c->deadline_us = 0;
		s->handler.message(s->context, c, start_of(&c->in) + HEAD, len);
		consume(&c->in, HEAD + len);
	}
	if (c->state == OPEN && c->in.used == 0) {
		c->deadline_us = 0;
	} else if (takes_more(c) && !c->deadline_us) {
		c->deadline_us = clock_monotonic_us() + FRAME_TIME;
	}
}

static void read_some(struct ctl_client *c)
{
	ssize_t n;

	make_room(&c->in, READ_SIZE);
	n = recv(c->fd, start_of(&c->in) + c->in.used, READ_SIZE, 0);
	if (n > 0) {
		c->in.used += (size_t)n;
		hand_over(c);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		kill_client(c);
	}
	if (c->in.used == 0) {
		consume(&c->in, 0); /* gives a big buffer back */
	}
}

static void write_some(struct ctl_client *c)
{
	ssize_t n;

	if (c->out.used == 0) {
		return;
	}
	n = send(c->fd, start_of(&c->out), c->out.used, MSG_NOSIGNAL);
	if (n > 0) {
		consume(&c->out, (size_t)n);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		kill_client(c);
	}
}

/* --- the loop's side --- */

static short wanted_events(const struct ctl_client *c)
{
	return (short)((takes_more(c) ? POLLIN : 0) | (c->out.used > 0 ? POLLOUT : 0));
}

size_t ctl_server_prepare(struct ctl_server *s, struct pollfd *fds, size_t max)
{
	size_t n = 0;

	sweep(s);
	if (max > 0 && clock_monotonic_us() >= s->rest_until_us) {
		fds[n++] = (struct pollfd){.fd = s->fd, .events = POLLIN};
	}
	for (size_t i = 0; i < s->n && n < max; i++) {
		fds[n++] = (struct pollfd){.fd = s->clients[i]->fd, .events = wanted_events(s->clients[i])};
	}
	return n;
}

static void serve_client(struct ctl_client *c, short revents)
{
	if (c->state != DEAD && (revents & POLLOUT)) {
		write_some(c);
		hand_over(c); /* what waited for the client to read */
	}
	if (takes_more(c) && (revents & (POLLIN | POLLHUP | POLLERR))) {
		read_some(c);
	} else if (c->state != DEAD && (revents & (POLLHUP | POLLERR | POLLNVAL))) {
		kill_client(c);
	}
	if (c->state != DEAD) {
		write_some(c); /* most answers fit the socket: no need to wait a turn */
	}
}

static struct ctl_client *find_client(struct ctl_server *s, int fd)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->clients[i]->fd == fd) {
			return s->clients[i];
		}
	}
	return NULL;
}

void ctl_server_serve(struct ctl_server *s, const struct pollfd *fds, size_t n)
{
	bool knock = false;

	for (size_t i = 0; i < n; i++) {
		struct ctl_client *c = fds[i].revents ? find_client(s, fds[i].fd) : NULL;

		if (c) {
			serve_client(c, fds[i].revents);
		} else if (fds[i].revents && fds[i].fd == s->fd) {
			knock = true;
		}
	}
	sweep(s);
	if (knock) {
		accept_waiting(s); /* last: a new client must not be taken for one that fds speaks of */
	}
}

const struct ctl_counts *ctl_server_counts(const struct ctl_server *s)
{
	return &s->counts;
}

void ctl_send(struct ctl_client *c, const void *data, size_t len)
{
	uint8_t head[HEAD];

	assert(len <= CTL_MESSAGE_MAX);
	if (c->state != OPEN) {
		return;
	}
	if (c->out.used > 0 && c->out.used + HEAD + len > CTL_MESSAGE_MAX) {
		c->server->counts.not_reading++;
		kill_client(c);
		return;
	}
	write_head(head, len);
	append(&c->out, head, HEAD);
	append(&c->out, data, len);
}

size_t ctl_pending(const struct ctl_client *c)
{
	return c->out.used;
}

void ctl_close(struct ctl_client *c)
{
	if (c->state == OPEN) {
		c->state = CLOSING;
		c->deadline_us = clock_monotonic_us() + FLUSH_TIME;
	}
}

void ctl_set_user(struct ctl_client *c, void *user)
{
	c->user = user;
}

void *ctl_user(const struct ctl_client *c)
{
	return c->user;
}

bool ctl_peer(const struct ctl_client *c, uid_t *ret_uid)
{
	struct ucred who;
	socklen_t len = sizeof who;

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0) {
		return false;
	}
	*ret_uid = who.uid;
	return true;
}

/* --- the blocking half --- */

static void explain_connect(const char *path, struct err *err)
{
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		err_set(err, ERR_UNAVAILABLE, _("nobody answers on %s: is the service running?"), path);
		break;
	case EACCES:
	case EPERM:
		err_set(err, ERR_NOPERM, _("you may not use %s: ask to be added to its group (ls -l shows which)"),
			path);
		break;
	default: err_set_errno(err, ERR_UNAVAILABLE, _("cannot connect to %s"), path);
	}
}

int ctl_connect(const char *path, struct err *err)
{
	struct timeval patience = {.tv_sec = CLIENT_SEND_TIME};
	struct sockaddr_un address;
	int fd;

	if (!fill_address(path, &address, err)) {
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		err_set_errno(err, ERR_OS, _("cannot make a socket"));
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
		explain_connect(path, err);
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_all(int fd, const uint8_t *data, size_t len, struct err *err)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			return err_set(err, ERR_TEMPFAIL, _("the service takes nothing: try again"));
		}
		if (n < 0 && errno != EINTR) {
			return err_set_errno(err, ERR_UNAVAILABLE, _("the service has closed the connection"));
		}
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

bool ctl_write(int fd, const void *data, size_t len, struct err *err)
{
	uint8_t head[HEAD];

	if (len > CTL_MESSAGE_MAX) {
		return err_set(err, ERR_DATA, _("the request is too big: %zu bytes, at most %u"), len, CTL_MESSAGE_MAX);
	}
	write_head(head, len);
	return send_all(fd, head, HEAD, err) && send_all(fd, data, len, err);
}

static int64_t real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* deadline_ms -1: for ever. */
static bool wait_readable(int fd, int64_t deadline_ms, struct err *err)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		int64_t left = deadline_ms < 0 ? -1 : deadline_ms - real_ms();
		int status;

		left = deadline_ms >= 0 && left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
		status = poll(&p, 1, (int)left);
		if (status > 0) {
			return true;
		}
		if (status == 0) {
			return err_set(err, ERR_TEMPFAIL, _("the service has not answered in time: try again"));
		}
		if (errno != EINTR) {
			return err_set_errno(err, ERR_OS, _("cannot wait for the service"));
		}
	}
}

static bool receive_all(int fd, uint8_t *data, size_t len, int64_t deadline_ms, struct err *err)
{
	while (len > 0) {
		ssize_t n;

		if (!wait_readable(fd, deadline_ms, err)) {
			return false;
		}
		n = recv(fd, data, len, MSG_DONTWAIT);
		if (n == 0) {
			return err_set(err, ERR_UNAVAILABLE,
				       _("the service has closed the connection: its log says why"));
		}
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			return err_set_errno(err, ERR_UNAVAILABLE, _("the service has closed the connection"));
		}
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

uint8_t *ctl_read(int fd, int64_t timeout_ms, size_t *ret_len, struct err *err)
{
	int64_t deadline_ms = timeout_ms < 0 ? -1 : real_ms() + timeout_ms;
	uint8_t head[HEAD], *data;
	size_t len;

	if (!receive_all(fd, head, HEAD, deadline_ms, err)) {
		return NULL;
	}
	len = read_head(head);
	if (len > CTL_MESSAGE_MAX) {
		err_set(err, ERR_PROTOCOL, _("the service does not speak this protocol: are both the same version?"));
		return NULL;
	}
	data = xmalloc(len);
	if (!receive_all(fd, data, len, deadline_ms, err)) {
		free(data);
		return NULL;
	}
	*ret_len = len;
	return data;
}
