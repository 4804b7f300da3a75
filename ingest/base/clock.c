/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define VN_OFFSET_S (7 * 3600)

static _Atomic int64_t fixed_wall_us = -1, fixed_monotonic_us = -1;

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * CLOCK_SECOND + ts.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
	int64_t fixed = atomic_load_explicit(&fixed_wall_us, memory_order_relaxed);

	return fixed >= 0 ? fixed : read_us(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void)
{
	int64_t fixed = atomic_load_explicit(&fixed_monotonic_us, memory_order_relaxed);

	return fixed >= 0 ? fixed : read_us(CLOCK_MONOTONIC);
}

void clock_set(int64_t wall_us, int64_t monotonic_us)
{
	atomic_store(&fixed_wall_us, wall_us);
	atomic_store(&fixed_monotonic_us, monotonic_us);
}

/* Splits into whole seconds and 0–999999 µs, also before 1970. */
static time_t split(int64_t us, long *ret_rest_us)
{
	int64_t rest = us % CLOCK_SECOND;

	if (rest < 0) {
		rest += CLOCK_SECOND;
	}
	*ret_rest_us = (long)rest;
	return (time_t)((us - rest) / CLOCK_SECOND);
}

char *clock_text_vn(int64_t wall_us, char buf[static CLOCK_TEXT])
{
	struct tm tm = {0};
	long rest;
	time_t s = split(wall_us, &rest) + VN_OFFSET_S;

	gmtime_r(&s, &tm);
	if (!strftime(buf, CLOCK_TEXT, "%Y-%m-%d %H:%M:%S", &tm)) {
		buf[0] = 0;
	}
	return buf;
}

char *clock_text_rfc3339(int64_t wall_us, char buf[static CLOCK_TEXT])
{
	struct tm tm = {0};
	long rest;
	time_t s = split(wall_us, &rest);
	size_t used;

	gmtime_r(&s, &tm);
	used = strftime(buf, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + used, CLOCK_TEXT - used, ".%06ldZ", rest);
	return buf;
}

/* Exactly n digits, at most max; moves *p behind them. */
static bool take_number(const char **p, int n, int max, int *ret)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		if ((*p)[i] < '0' || (*p)[i] > '9') {
			return false;
		}
		value = value * 10 + ((*p)[i] - '0');
	}
	*p += n;
	*ret = value;
	return value <= max;
}

static bool take_char(const char **p, const char *any_of)
{
	if (!**p || !strchr(any_of, **p)) {
		return false;
	}
	(*p)++;
	return true;
}

static bool take_date(const char **p, struct tm *tm)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day, leap;

	if (!take_number(p, 4, 9999, &year) || !take_char(p, "-") || !take_number(p, 2, 12, &month) ||
	    !take_char(p, "-") || !take_number(p, 2, 31, &day) || month < 1 || day < 1) {
		return false;
	}
	leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return day <= days[month - 1] + leap;
}

/* Up to nine digits behind a dot; what is finer than a microsecond is left out. */
static bool take_fraction(const char **p, int64_t *ret_us)
{
	int64_t us = 0;
	int n = 0;

	*ret_us = 0;
	if (!take_char(p, ".")) {
		return true;
	}
	for (; **p >= '0' && **p <= '9' && n < 9; (*p)++, n++) {
		us = n < 6 ? us * 10 + (**p - '0') : us;
	}
	for (int i = n; i < 6; i++) {
		us *= 10;
	}
	*ret_us = us;
	return n > 0;
}

static bool take_offset(const char **p, int *ret_s)
{
	int sign, hours, minutes;

	*ret_s = 0;
	if (take_char(p, "Zz")) {
		return true;
	}
	sign = **p == '-' ? -1 : 1;
	if (!take_char(p, "+-") || !take_number(p, 2, 23, &hours) || !take_char(p, ":") ||
	    !take_number(p, 2, 59, &minutes)) {
		return false;
	}
	*ret_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool clock_parse(const char *text, int64_t *ret_us)
{
	struct tm tm = {0};
	int offset_s = VN_OFFSET_S;
	int64_t fraction_us = 0;
	const char *p = text;

	if (!take_date(&p, &tm)) {
		return false;
	}
	if (*p && (!take_char(&p, "Tt ") || !take_number(&p, 2, 23, &tm.tm_hour) || !take_char(&p, ":") ||
		   !take_number(&p, 2, 59, &tm.tm_min) || !take_char(&p, ":") || !take_number(&p, 2, 59, &tm.tm_sec) ||
		   !take_fraction(&p, &fraction_us) || !take_offset(&p, &offset_s))) {
		return false;
	}
	if (*p) {
		return false;
	}
	*ret_us = ((int64_t)timegm(&tm) - offset_s) * CLOCK_SECOND + fraction_us;
	return true;
}
