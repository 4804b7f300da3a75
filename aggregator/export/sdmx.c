/* SPDX-License-Identifier: Apache-2.0 */
#include "sdmx.h"

#include "period.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *number(int n, char buf[static SDMX_BUFFER])
{
	snprintf(buf, SDMX_BUFFER, "%d", n);
	return buf;
}

#define TEXT_OF(name, member)                                                                                          \
	static const char *name(const struct rollup_row *row, char buf[static SDMX_BUFFER])                            \
	{                                                                                                              \
		(void)buf;                                                                                             \
		return row->member;                                                                                    \
	}
#define NUMBER_OF(name, member)                                                                                        \
	static const char *name(const struct rollup_row *row, char buf[static SDMX_BUFFER])                            \
	{                                                                                                              \
		return number(row->member, buf);                                                                       \
	}

TEXT_OF(indicator, indicator)
TEXT_OF(area, area)
TEXT_OF(time_period, time_period)
TEXT_OF(value, figure.value)
TEXT_OF(numerator, figure.numerator)
TEXT_OF(denominator, figure.denominator)
TEXT_OF(unit, figure.unit)
TEXT_OF(method, figure.method)
TEXT_OF(qualifier, figure.qualifier)
TEXT_OF(finality, figure.finality)
TEXT_OF(boundary, figure.boundary)
TEXT_OF(coverage, figure.coverage_weight)
TEXT_OF(catalogue, figure.catalogue_version)
TEXT_OF(missing, figure.missing)
TEXT_OF(low, figure.interval_low)
TEXT_OF(high, figure.interval_high)
TEXT_OF(basis, figure.interval_basis)
TEXT_OF(known_at, figure.known_at)
TEXT_OF(justification_code, justification_code)
TEXT_OF(justification, justification)
NUMBER_OF(decimals, display_decimals)
NUMBER_OF(reporting, figure.areas_reporting)
NUMBER_OF(expected, figure.areas_expected)
NUMBER_OF(held, figure.held)
NUMBER_OF(parts, figure.parts_reporting)
NUMBER_OF(parts_expected, figure.parts_expected)
NUMBER_OF(vintage, figure.vintage)

static const char *unit_mult(const struct rollup_row *row, char buf[static SDMX_BUFFER])
{
	(void)row;
	(void)buf;
	return "0";
}

static const char *demonstration(const struct rollup_row *row, char buf[static SDMX_BUFFER])
{
	(void)buf;
	return row->figure.demonstration ? "true" : "false";
}

static const char *moved(const struct rollup_row *row, char buf[static SDMX_BUFFER])
{
	(void)buf;
	return row->figure.moved ? "true" : "false";
}

static const char *frequency(const struct rollup_row *row, char buf[static SDMX_BUFFER])
{
	struct period p;

	buf[0] = period_parse(row->time_period, &p) ? period_frequency(&p) : 0;
	buf[1] = 0;
	return buf[0] ? buf : NULL;
}

/* Trạm has one letter for what is missing; SDMX tells what cannot exist (M: everybody says so) from what is not there (O). */
static const char *obs_status(const struct rollup_row *row, char buf[static SDMX_BUFFER])
{
	const struct rollup_figure *f = &row->figure;

	(void)buf;
	return strcmp(f->obs_status, "M") != 0 || f->areas_reporting == f->areas_expected ? f->obs_status : "O";
}

/* ---------------------------------------------------------------- names */

struct named {
	const char *code;
	struct sdmx_names names;
};

static struct sdmx_names find_names(const struct named *list, size_t n, const char *code)
{
	for (size_t i = 0; i < n; i++) {
		if (code && strcmp(list[i].code, code) == 0) {
			return list[i].names;
		}
	}
	return (struct sdmx_names){code, code};
}

static struct sdmx_names no_names(const struct rollup_row *row)
{
	(void)row;
	return (struct sdmx_names){NULL, NULL};
}

static struct sdmx_names indicator_names(const struct rollup_row *row)
{
	return (struct sdmx_names){row->name_vi, row->name_en};
}

static struct sdmx_names area_names(const struct rollup_row *row)
{
	return (struct sdmx_names){row->area_name_vi, row->area_name_en};
}

static struct sdmx_names unit_names(const struct rollup_row *row)
{
	return (struct sdmx_names){row->figure.unit_vi, row->figure.unit};
}

static struct sdmx_names frequency_names(const struct rollup_row *row)
{
	static const struct named list[] = {
	    {"A", {"năm", "yearly"}},
	    {"S", {"6 tháng", "half-yearly"}},
	    {"Q", {"quý", "quarterly"}},
	    {"M", {"tháng", "monthly"}},
	    {"W", {"tuần", "weekly"}},
	    {"D", {"ngày", "daily"}},
	    {"R", {"khoảng thời gian riêng", "a range of its own"}},
	};
	char buf[SDMX_BUFFER];

	return find_names(list, sizeof list / sizeof *list, frequency(row, buf));
}

static struct sdmx_names obs_status_names(const struct rollup_row *row)
{
	static const struct named list[] = {
	    {"A", {"bình thường", "normal value"}},
	    {"B", {"đứt đoạn chuỗi số liệu", "time series break"}},
	    {"E", {"ước tính", "estimated value"}},
	    {"F", {"dự báo", "forecast value"}},
	    {"I", {"suy diễn", "imputed value"}},
	    {"M", {"không thể có giá trị", "missing value; data cannot exist"}},
	    {"O", {"không có giá trị", "missing value"}},
	    {"P", {"sơ bộ", "provisional value"}},
	};
	char buf[SDMX_BUFFER];

	return find_names(list, sizeof list / sizeof *list, obs_status(row, buf));
}

#define COMPONENT(id, place, type, relation, text, names, en, vi)                                                      \
	{#id, SDMX_##place, SDMX_##type, SDMX_##relation, text, names, en, vi},
const struct sdmx_component sdmx_components[SDMX_COMPONENTS] = {
#include "sdmx.def"
};
#undef COMPONENT
