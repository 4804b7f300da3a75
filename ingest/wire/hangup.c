/* SPDX-License-Identifier: Apache-2.0 */
#include "hangup.h"

#include <dlfcn.h>
#include <sys/epoll.h>
#include <time.h>

#define PAUSE_NS 1000000 /* a hang-up held back is there again at once: the thread must not go round and round */

bool hangup_is_held_back(void)
{
	int (*ours)(int, struct epoll_event *, int, int) = epoll_wait;
	return dlsym(RTLD_DEFAULT, "epoll_wait") == *(void **)&ours;
}

/*
 * Whoever asked to read or write is told so too when the peer hangs up. Told both, libzmq would read twice, and the second time
 * from a connection that it may have stopped reading from.
 */
static int keep_told(struct epoll_event *events, int n)
{
	int kept = 0;
	for (int i = 0; i < n; i++) {
		events[kept] = events[i];
		events[kept].events &= ~(uint32_t)(EPOLLHUP | EPOLLERR);
		kept += events[kept].events != 0;
	}
	return kept;
}

int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
{
	int n = epoll_pwait(epfd, events, maxevents, timeout, NULL);
	if (n <= 0)
		return n;
	int kept = keep_told(events, n);
	if (kept == 0)
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	return kept;
}
