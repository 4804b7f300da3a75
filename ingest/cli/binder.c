/* SPDX-License-Identifier: Apache-2.0 */
#include "binder.h"

#include "codec.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* The bytes of two serialized messages one behind the other are those of both merged: so a report is its head, then one
 * piece for each observation, and its size is known exactly while it grows. */
struct report {
	uint8_t *bytes;
	size_t head_len, len, room;
	size_t observations;
	uint64_t head_hash;
};

struct binder {
	void (*give)(void *context, const uint8_t *report, size_t len, size_t observations);
	void *context;
	struct report *open[BINDER_REPORTS_MAX]; /* in the order in which they began */
	size_t n_open;
	struct report *last; /* the one used last: rows of a report mostly follow each other */
	size_t room;         /* of all that are open */
};

struct binder *binder_new(void (*give)(void *context, const uint8_t *report, size_t len, size_t observations),
			  void *context)
{
	struct binder *b = xcalloc(1, sizeof *b);

	b->give = give;
	b->context = context;
	return b;
}

void binder_free(struct binder **bp)
{
	if (!*bp)
		return;
	binder_drop_all(*bp);
	free(*bp);
	*bp = NULL;
}

/* ---------------------------------------------------------------- opening and closing */

static void remove_report(struct binder *b, size_t i)
{
	struct report *report = b->open[i];

	if (b->last == report)
		b->last = NULL;
	b->room -= report->room;
	memmove(b->open + i, b->open + i + 1, (b->n_open - i - 1) * sizeof *b->open);
	b->n_open--;
	free(report->bytes);
	free(report);
}

static void give_report(struct binder *b, size_t i)
{
	const struct report *report = b->open[i];

	b->give(b->context, report->bytes, report->len, report->observations);
	remove_report(b, i);
}

void binder_give_all(struct binder *b)
{
	while (b->n_open)
		give_report(b, 0);
}

void binder_drop_all(struct binder *b)
{
	while (b->n_open)
		remove_report(b, b->n_open - 1);
}

/* Of equals the newest: when rows come by turns, it is the one whose turn is farthest away. */
static void give_fullest(struct binder *b)
{
	size_t fullest = 0;

	for (size_t i = 1; i < b->n_open; i++)
		if (b->open[i]->len >= b->open[fullest]->len)
			fullest = i;
	give_report(b, fullest);
}

static void append(struct binder *b, struct report *report, const uint8_t *bytes, size_t len)
{
	if (report->len + len > report->room) {
		size_t room = (report->len + len) * 3 / 2 + 512;

		b->room += room - report->room;
		report->room = room;
		report->bytes = xrealloc(report->bytes, room);
	}
	memcpy(report->bytes + report->len, bytes, len);
	report->len += len;
}

/* ---------------------------------------------------------------- finding */

/* FNV-1a: only tells most heads apart at once; the bytes decide. */
static uint64_t hash(const uint8_t *bytes, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
	return h;
}

static bool has_head(const struct report *report, uint64_t head_hash, const uint8_t *head, size_t len)
{
	return report->head_hash == head_hash && report->head_len == len && memcmp(report->bytes, head, len) == 0;
}

static struct report *find(struct binder *b, const uint8_t *head, size_t len)
{
	uint64_t head_hash = hash(head, len);

	if (b->last && has_head(b->last, head_hash, head, len))
		return b->last;
	for (size_t i = 0; i < b->n_open; i++)
		if (has_head(b->open[i], head_hash, head, len))
			return b->last = b->open[i];
	return NULL;
}

static struct report *begin(struct binder *b, const uint8_t *head, size_t len)
{
	struct report *report = xcalloc(1, sizeof *report);

	while (b->n_open == BINDER_REPORTS_MAX || b->room > BINDER_BYTES_MAX)
		give_fullest(b);
	report->head_hash = hash(head, len);
	report->head_len = len;
	append(b, report, head, len);
	b->open[b->n_open++] = report;
	return b->last = report;
}

static void give_one(struct binder *b, const struct report *report)
{
	size_t i = 0;

	while (b->open[i] != report)
		i++;
	give_report(b, i);
}

/* ---------------------------------------------------------------- adding */

bool binder_add(struct binder *b, const Tram__V1__Report *head, const Tram__V1__Observation *observation,
		size_t *ret_len)
{
	Tram__V1__Report only;
	Tram__V1__Observation copy = *observation, *list[] = {&copy};
	size_t head_len, piece_len;
	uint8_t *head_bytes = codec_pack(&head->base, &head_len), *piece;
	struct report *report = find(b, head_bytes, head_len);

	tram__v1__report__init(&only);
	only.n_observations = 1;
	only.observations = list;
	piece = codec_pack(&only.base, &piece_len);
	*ret_len = head_len + piece_len;
	if (*ret_len <= LIMIT_REPORT_BYTES) {
		if (report &&
		    (report->len + piece_len > LIMIT_REPORT_BYTES || report->observations == LIMIT_OBSERVATIONS)) {
			give_one(b, report);
			report = NULL;
		}
		if (!report)
			report = begin(b, head_bytes, head_len);
		append(b, report, piece, piece_len);
		report->observations++;
	}
	free(head_bytes);
	free(piece);
	return *ret_len <= LIMIT_REPORT_BYTES;
}
