/* SPDX-License-Identifier: Apache-2.0 */
/*
 * false_clock - preloaded into a program, it makes the wall clock say what a file says; the monotonic clock stays true, as it
 * does when somebody sets a machine's time.
 *
 * The file named by TRAM_FALSE_CLOCK holds struct false_time, and is mapped: what a test writes into it holds at once.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000)

struct false_time {
	int64_t offset_us;
	int64_t frozen_us; /* the clock stands still here; 0: it goes */
};

static const volatile struct false_time *told;
static int (*true_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
	if (told)
		return;
	const char *path = getenv("TRAM_FALSE_CLOCK");
	*(void **)&true_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd >= 0 ? mmap(NULL, sizeof(*told), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (!true_clock_gettime || map == MAP_FAILED) {
		perror("false_clock: TRAM_FALSE_CLOCK");
		_exit(70);
	}
	close(fd);
	told = map;
}

static int64_t false_us(const struct timespec *true_time)
{
	int64_t frozen = told->frozen_us;
	return frozen ? frozen : true_time->tv_sec * SECOND + true_time->tv_nsec / 1000 + told->offset_us;
}

/* Also before 1970: the rest of a second is never negative. */
static int64_t floor_seconds(int64_t us)
{
	return us / SECOND - (us % SECOND < 0);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	if (!told)
		begin(); /* another library's constructor asks before ours has run */
	int rc = true_clock_gettime(id, ts);
	if (rc != 0 || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
		return rc;
	int64_t us = false_us(ts);
	ts->tv_sec = floor_seconds(us);
	ts->tv_nsec = (us - ts->tv_sec * SECOND) * 1000;
	return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;
	(void)zone;
	int rc = clock_gettime(CLOCK_REALTIME, &ts);
	if (rc == 0 && tv)
		*tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
	return rc;
}

time_t time(time_t *ret)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}
