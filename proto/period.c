/* SPDX-License-Identifier: Apache-2.0 */
#include "period.h"

#include "clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define YEAR_MIN   1900
#define YEAR_MAX   2258
#define PACK_EPOCH (-25567) /* 1900-01-01 */
#define PACK_DAYS  (1 << 17)

/* ---------------------------------------------------------------- civil dates */

/* Howard Hinnant's "days from civil": years begin in March, so that the leap day comes last. */
int32_t date_from_civil(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	assert(month >= 1 && month <= 12);
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void date_to_civil(int32_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int z = days + 719468;
	int era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
	int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = of_era - (365 * year + year / 4 - year / 100);
	int month = (5 * of_year + 2) / 153;

	*ret_day = of_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = year + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

static int year_of(int32_t days)
{
	int year, month, day;

	date_to_civil(days, &year, &month, &day);
	return year;
}

/* First day of a month counted from January of year 0. */
static int32_t month_start(int month)
{
	return date_from_civil(month / 12, month % 12 + 1, 1);
}

/* The same day `months` later, or that month's last day where it is shorter. */
static int32_t add_months(int32_t days, int months)
{
	int year, month, day, first;
	int32_t length;

	date_to_civil(days, &year, &month, &day);
	first = year * 12 + month - 1 + months;
	length = month_start(first + 1) - month_start(first);
	return month_start(first) + (day > length ? length : day) - 1;
}

/* 0 is Monday. */
static int weekday(int32_t days)
{
	return (int)((days % 7 + 7 + 3) % 7);
}

/* Monday of ISO week 1: the week that holds 4 January. */
static int32_t first_week(int year)
{
	int32_t fourth = date_from_civil(year, 1, 4);

	return fourth - weekday(fourth);
}

/* ---------------------------------------------------------------- making a period */

/* Months in one period of a kind; 0 for weeks, days and ranges. */
static int months_of(enum period_kind kind)
{
	static const int months[] = {
	    [PERIOD_YEAR] = 12, [PERIOD_HALF] = 6, [PERIOD_QUARTER] = 3, [PERIOD_MONTH] = 1, [PERIOD_RANGE] = 0};

	return months[kind];
}

static bool is_packable(int32_t start)
{
	return start >= PACK_EPOCH && start < PACK_EPOCH + PACK_DAYS;
}

/* The period of a kind that begins on a day; false when none does, or the packed form has no room for it. */
static bool make(enum period_kind kind, int32_t start, struct period *ret)
{
	int year, month, day, months = months_of(kind);

	date_to_civil(start, &year, &month, &day);
	if (!is_packable(start) || (months > 0 && (day != 1 || (month - 1) % months != 0)) ||
	    (kind == PERIOD_WEEK && weekday(start) != 0))
		return false;
	*ret = (struct period){.kind = kind, .start = start, .end = start};
	if (months > 0)
		ret->end = month_start(year * 12 + month - 1 + months) - 1;
	else if (kind == PERIOD_WEEK)
		ret->end = start + 6;
	return true;
}

static bool make_range(int32_t start, char unit, int count, struct period *ret)
{
	if (!is_packable(start) || count < 1 || count > 255)
		return false;
	*ret = (struct period){.kind = PERIOD_RANGE, .start = start, .range_unit = unit, .range_count = (uint8_t)count};
	switch (unit) {
	case 'Y': ret->end = add_months(start, count * 12) - 1; return true;
	case 'M': ret->end = add_months(start, count) - 1; return true;
	case 'W': ret->end = start + count * 7 - 1; return true;
	case 'D': ret->end = start + count - 1; return true;
	default: return false;
	}
}

/* ---------------------------------------------------------------- reading */

/* Exactly n digits. */
static bool take_digits(const char **text, int n, int *ret)
{
	const char *s = *text;

	*ret = 0;
	for (int i = 0; i < n; i++, s++) {
		if (*s < '0' || *s > '9')
			return false;
		*ret = *ret * 10 + (*s - '0');
	}
	*text = s;
	return true;
}

static bool take_char(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

static bool take_date(const char **text, int32_t *ret_days)
{
	int year, month, day;

	if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &month) ||
	    !take_char(text, '-') || !take_digits(text, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1)
		return false;
	*ret_days = date_from_civil(year, month, day);
	return *ret_days < month_start(year * 12 + month);
}

bool date_parse(const char *text, int32_t *ret_days)
{
	return take_date(&text, ret_days) && *text == '\0';
}

/* 1 .. 255 without leading zeros. */
static bool take_count(const char **text, int *ret)
{
	int digit, n = 0;

	if (**text == '0')
		return false;
	while (n < 256 && take_digits(text, 1, &digit))
		n = n * 10 + digit;
	*ret = n;
	return n >= 1 && n <= 255;
}

static bool parse_range(const char *text, struct period *ret)
{
	int32_t start;
	int count;

	return take_date(&text, &start) && take_char(&text, '/') && take_char(&text, 'P') &&
	       take_count(&text, &count) && *text != '\0' && text[1] == '\0' && make_range(start, *text, count, ret);
}

static bool parse_week(int year, int week, struct period *ret)
{
	int32_t start = first_week(year) + (week - 1) * 7;

	return week >= 1 && start < first_week(year + 1) && make(PERIOD_WEEK, start, ret);
}

/* The nth period of a kind in a year, n from 1. */
static bool parse_part(enum period_kind kind, int year, int n, struct period *ret)
{
	int months = months_of(kind);

	return n >= 1 && n <= 12 / months && make(kind, month_start(year * 12 + (n - 1) * months), ret);
}

/* What follows "2024-". */
static bool parse_in_year(int year, const char *text, struct period *ret)
{
	int n;

	if (take_char(&text, 'S'))
		return take_digits(&text, 1, &n) && *text == '\0' && parse_part(PERIOD_HALF, year, n, ret);
	if (take_char(&text, 'Q'))
		return take_digits(&text, 1, &n) && *text == '\0' && parse_part(PERIOD_QUARTER, year, n, ret);
	if (take_char(&text, 'W'))
		return take_digits(&text, 2, &n) && *text == '\0' && parse_week(year, n, ret);
	return take_digits(&text, 2, &n) && *text == '\0' && parse_part(PERIOD_MONTH, year, n, ret);
}

bool period_parse(const char *text, struct period *ret)
{
	const char *rest = text;
	int32_t day;
	int year;

	if (!take_digits(&rest, 4, &year) || year < YEAR_MIN || year > YEAR_MAX)
		return false;
	if (*rest == '\0')
		return parse_part(PERIOD_YEAR, year, 1, ret);
	if (strchr(rest, '/'))
		return parse_range(text, ret);
	if (date_parse(text, &day))
		return make(PERIOD_DAY, day, ret);
	return take_char(&rest, '-') && parse_in_year(year, rest, ret);
}

/* ---------------------------------------------------------------- writing */

char *date_text(int32_t days, char buf[static 16])
{
	int year, month, day;

	date_to_civil(days, &year, &month, &day);
	snprintf(buf, 16, "%04d-%02d-%02d", year, month, day);
	return buf;
}

char *period_text(const struct period *p, char buf[static PERIOD_TEXT])
{
	int year, month, day, months = months_of(p->kind);
	char date[16];

	date_to_civil(p->start, &year, &month, &day);
	switch (p->kind) {
	case PERIOD_YEAR: snprintf(buf, PERIOD_TEXT, "%04d", year); break;
	case PERIOD_HALF: snprintf(buf, PERIOD_TEXT, "%04d-S%d", year, (month - 1) / months + 1); break;
	case PERIOD_QUARTER: snprintf(buf, PERIOD_TEXT, "%04d-Q%d", year, (month - 1) / months + 1); break;
	case PERIOD_MONTH: snprintf(buf, PERIOD_TEXT, "%04d-%02d", year, month); break;
	case PERIOD_WEEK:
		year = year_of(p->start + 3); /* a week belongs to the year of its Thursday */
		snprintf(buf, PERIOD_TEXT, "%04d-W%02d", year, (p->start - first_week(year)) / 7 + 1);
		break;
	case PERIOD_DAY: snprintf(buf, PERIOD_TEXT, "%s", date_text(p->start, date)); break;
	case PERIOD_RANGE:
		snprintf(buf, PERIOD_TEXT, "%s/P%u%c", date_text(p->start, date), p->range_count, p->range_unit);
		break;
	case PERIOD_NONE: buf[0] = '\0'; break;
	}
	return buf;
}

/* ---------------------------------------------------------------- packing */

static const char range_units[4] = {'D', 'W', 'M', 'Y'};

static int32_t pack_length(const struct period *p)
{
	int32_t unit = 0;

	if (p->kind != PERIOD_RANGE)
		return 0;
	while (unit < 3 && range_units[unit] != p->range_unit)
		unit++;
	assert(range_units[unit] == p->range_unit);
	return unit << 8 | p->range_count;
}

int32_t period_pack(const struct period *p)
{
	assert(p->kind != PERIOD_NONE && is_packable(p->start));
	return (int32_t)p->kind << 27 | (p->start - PACK_EPOCH) << 10 | pack_length(p);
}

bool period_unpack(int32_t packed, struct period *ret)
{
	enum period_kind kind = (enum period_kind)(packed >> 27 & 7);
	int32_t start = (packed >> 10 & (PACK_DAYS - 1)) + PACK_EPOCH, length = packed & 1023;

	if (packed < 0 || packed >> 30 != 0 || kind == PERIOD_NONE)
		return false;
	if (kind == PERIOD_RANGE)
		return make_range(start, range_units[length >> 8], length & 255, ret);
	return length == 0 && make(kind, start, ret);
}

/* ---------------------------------------------------------------- asking */

char period_frequency(const struct period *p)
{
	static const char letters[] = {'\0', 'A', 'S', 'Q', 'M', 'W', 'D', 'R'};

	return letters[p->kind];
}

bool period_months(const struct period *p, int32_t *ret_first, int32_t *ret_count)
{
	int year, month, day, months = months_of(p->kind);

	if (months == 0)
		return false;
	date_to_civil(p->start, &year, &month, &day);
	*ret_first = year * 12 + month - 1;
	*ret_count = months;
	return true;
}

bool period_shift_years(const struct period *p, int years, struct period *ret)
{
	int32_t first, count;

	if (!period_months(p, &first, &count) || years < YEAR_MIN - YEAR_MAX || years > YEAR_MAX - YEAR_MIN)
		return false;
	return make(p->kind, month_start(first + years * 12), ret);
}

bool period_back(const struct period *p, unsigned n, struct period *ret)
{
	int32_t first, count;

	if (p->kind == PERIOD_NONE || p->kind == PERIOD_RANGE || n > PACK_DAYS)
		return false;
	if (!period_months(p, &first, &count))
		return make(p->kind, p->start - (int32_t)n * (p->kind == PERIOD_WEEK ? 7 : 1), ret);
	return (int32_t)n * count <= first && make(p->kind, month_start(first - (int32_t)n * count), ret);
}

bool period_within(const struct period *p, enum period_kind longer, struct period *ret)
{
	int year, month, day, months = months_of(longer), own = months_of(p->kind);

	if (p->kind == PERIOD_DAY && longer == PERIOD_WEEK)
		return make(PERIOD_WEEK, p->start - weekday(p->start), ret);
	if (months <= own || (own == 0 && p->kind != PERIOD_DAY))
		return false;
	date_to_civil(p->start, &year, &month, &day);
	return make(longer, month_start(year * 12 + (month - 1) / months * months), ret);
}

int32_t date_in_vietnam(int64_t wall_us)
{
	const int64_t day = 86400 * CLOCK_SECOND;
	int64_t local = wall_us + 7 * 3600 * CLOCK_SECOND;

	return (int32_t)(local / day - (local % day < 0 ? 1 : 0));
}
