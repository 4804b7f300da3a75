/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a period or a date: only the one written form is read; any number as a packed period. */
#include "period.h"
#include "fuzz.h"

#include <string.h>

static void expect_same(const struct period *p, const struct period *q)
{
	MUST(p->kind == q->kind && p->start == q->start && p->end == q->end);
	MUST(p->range_unit == q->range_unit && p->range_count == q->range_count);
}

static void expect_sound(const struct period *p)
{
	struct period q;
	char text[PERIOD_TEXT];
	int32_t first, count;

	MUST(p->start <= p->end);
	MUST(period_unpack(period_pack(p), &q));
	expect_same(p, &q);
	MUST(period_parse(period_text(p, text), &q));
	expect_same(p, &q);
	if (period_months(p, &first, &count) && period_shift_years(p, 1, &q))
		MUST(q.start > p->end - 366 && q.kind == p->kind);
}

static void read_text(const char *text)
{
	struct period p;
	char again[PERIOD_TEXT], date[16];
	int32_t day;

	if (period_parse(text, &p)) {
		MUST(strcmp(period_text(&p, again), text) == 0);
		expect_sound(&p);
	}
	if (date_parse(text, &day))
		MUST(strcmp(date_text(day, date), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct period p;
	int32_t packed;

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	read_text(text);
	free(text);
	if (size >= sizeof(packed)) {
		memcpy(&packed, data, sizeof(packed));
		if (period_unpack(packed, &p)) {
			MUST(period_pack(&p) == packed);
			expect_sound(&p);
		}
	}
	return 0;
}
