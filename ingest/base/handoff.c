/* SPDX-License-Identifier: Apache-2.0 */
#include "handoff.h"
#include "mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct handoff {
	pthread_mutex_t lock;
	pthread_cond_t not_empty, not_full;
	int fd; /* readable exactly while count > 0: both change under the lock */
	size_t capacity, count, first;
	void *items[];
};

/* A failing lock or eventfd is a bug or a kernel out of memory: there is no way on. */
static void must(bool done)
{
	if (!done) {
		abort();
	}
}

struct handoff *handoff_new(size_t capacity)
{
	struct handoff *h = xcalloc(1, sizeof *h + capacity * sizeof h->items[0]);
	pthread_condattr_t attr;

	assert(capacity > 0);
	h->capacity = capacity;
	h->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(h->fd >= 0);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->not_empty, &attr);
	pthread_cond_init(&h->not_full, &attr);
	pthread_condattr_destroy(&attr);
	return h;
}

void handoff_free(struct handoff **hp)
{
	struct handoff *h = *hp;

	if (!h) {
		return;
	}
	assert(h->count == 0); /* else somebody's items are lost */
	pthread_cond_destroy(&h->not_full);
	pthread_cond_destroy(&h->not_empty);
	pthread_mutex_destroy(&h->lock);
	close(h->fd);
	free(h);
	*hp = NULL;
}

/* Lock held, room there. */
static void put(struct handoff *h, void *item)
{
	h->items[(h->first + h->count) % h->capacity] = item;
	if (h->count++ == 0) {
		must(eventfd_write(h->fd, 1) == 0);
	}
	pthread_cond_signal(&h->not_empty);
}

/* Lock held. */
static void *take(struct handoff *h)
{
	eventfd_t value;
	void *item;

	if (h->count == 0) {
		return NULL;
	}
	item = h->items[h->first];
	h->first = (h->first + 1) % h->capacity;
	if (--h->count == 0) {
		must(eventfd_read(h->fd, &value) == 0);
	}
	pthread_cond_signal(&h->not_full);
	return item;
}

bool handoff_try_put(struct handoff *h, void *item)
{
	bool room;

	assert(item);
	must(pthread_mutex_lock(&h->lock) == 0);
	room = h->count < h->capacity;
	if (room) {
		put(h, item);
	}
	pthread_mutex_unlock(&h->lock);
	return room;
}

void handoff_put(struct handoff *h, void *item)
{
	assert(item);
	must(pthread_mutex_lock(&h->lock) == 0);
	while (h->count == h->capacity) {
		pthread_cond_wait(&h->not_full, &h->lock);
	}
	put(h, item);
	pthread_mutex_unlock(&h->lock);
}

void *handoff_try_take(struct handoff *h)
{
	void *item;

	must(pthread_mutex_lock(&h->lock) == 0);
	item = take(h);
	pthread_mutex_unlock(&h->lock);
	return item;
}

static struct timespec deadline_after(int64_t timeout_ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC,
		      &ts); /* not clock.h: the wait is real, also when a test has stopped the clocks */
	ts.tv_sec += (time_t)(timeout_ms / 1000);
	ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	return ts;
}

void *handoff_take(struct handoff *h, int64_t timeout_ms)
{
	struct timespec deadline = deadline_after(timeout_ms < 0 ? 0 : timeout_ms);
	int status = 0;
	void *item;

	must(pthread_mutex_lock(&h->lock) == 0);
	while (h->count == 0 && status == 0) {
		status = timeout_ms < 0 ? pthread_cond_wait(&h->not_empty, &h->lock)
					: pthread_cond_timedwait(&h->not_empty, &h->lock, &deadline);
	}
	item = take(h);
	pthread_mutex_unlock(&h->lock);
	return item;
}

size_t handoff_count(struct handoff *h)
{
	size_t count;

	must(pthread_mutex_lock(&h->lock) == 0);
	count = h->count;
	pthread_mutex_unlock(&h->lock);
	return count;
}

int handoff_fd(const struct handoff *h)
{
	return h->fd;
}
