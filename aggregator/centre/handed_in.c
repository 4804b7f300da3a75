/* SPDX-License-Identifier: Apache-2.0 */
#include "handed_in.h"

#include "lang.h"
#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAGE_CAP    (1u << 30) /* one page of batches, or one batch decoded */
#define PAYLOAD_MAX (512u << 20)

struct reader {
	const struct audit_stream *stream;
	struct arena *page, *opened;
	struct audit_batch *batches;
	size_t n, at;
	const Tram__V1__Batch *batch; /* batches[at]; NULL: not opened */
};

struct handed_in {
	struct store *store;
	struct reader *readers;
	size_t n;
};

struct handed_in *handed_in_new(struct store *s, const struct audit_snapshot *snapshot, int32_t agent_no)
{
	struct handed_in *h = xcalloc(1, sizeof *h);

	h->store = s;
	h->readers = xcalloc(snapshot->n_streams + 1, sizeof *h->readers);
	for (size_t i = 0; i < snapshot->n_streams; i++) {
		if (snapshot->streams[i].agent_no == agent_no) {
			h->readers[h->n++] = (struct reader){.stream = &snapshot->streams[i],
							     .page = arena_new(PAGE_CAP),
							     .opened = arena_new(PAGE_CAP)};
		}
	}
	return h;
}

void handed_in_free(struct handed_in **hp)
{
	struct handed_in *h = *hp;

	for (size_t i = 0; h && i < h->n; i++) {
		arena_free(&h->readers[i].page);
		arena_free(&h->readers[i].opened);
	}
	if (h) {
		free(h->readers);
	}
	free(h);
	*hp = NULL;
}

static struct reader *reader_of(struct handed_in *h, int32_t stream_no)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->readers[i].stream->stream_no == stream_no) {
			return &h->readers[i];
		}
	}
	return NULL;
}

static bool is_covered(const struct audit_batch *b, uint64_t seq)
{
	return b->from_seq <= seq && seq <= b->last_seq && (b->next_from == 0 || seq < b->next_from);
}

/* The batch that brought the report: the page's next ones, else the next page's. False with STORE_OK: there is none. */
static enum store_result find_batch(struct handed_in *h, struct reader *r, uint64_t seq, bool *ret, struct err *err)
{
	while (r->at < r->n && !is_covered(&r->batches[r->at], seq)) {
		r->at++;
		r->batch = NULL;
	}
	*ret = r->at < r->n;
	if (*ret) {
		return STORE_OK;
	}
	uint64_t after = r->n ? r->batches[r->n - 1].from_seq : 0;
	arena_reset(r->page);
	r->at = 0;
	enum store_result result = store_audit_batches(h->store, r->stream, after, r->page, &r->batches, &r->n, err);
	return result == STORE_OK && r->n > 0 ? find_batch(h, r, seq, ret, err) : result;
}

static bool open_batch(struct reader *r, struct err *err)
{
	const struct audit_batch *b = &r->batches[r->at];
	const uint8_t *plain;
	size_t len;

	if (r->batch) {
		return true;
	}
	arena_reset(r->opened);
	plain =
	    codec_decompress(r->opened, (Tram__V1__Codec)b->codec, b->payload, b->payload_len, PAYLOAD_MAX, &len, err);
	r->batch = plain ? codec_batch(r->opened, plain, len, err) : NULL;
	return r->batch != NULL;
}

static bool tell_missing(const struct reader *r, uint64_t report_no, struct err *err)
{
	return err_set(err, ERR_DATA,
		       _("report %" PRIu64 " of %s is not in the bytes that are stored: tram verify %s says more"),
		       store_seq_of(report_no), r->stream->agent, r->stream->agent);
}

bool handed_in_report(struct handed_in *h, uint64_t report_no, struct arena *a, Tram__V1__Report **ret, struct err *err)
{
	struct reader *r = reader_of(h, (int32_t)(report_no >> 40));
	uint64_t seq = store_seq_of(report_no), place;
	bool found;

	if (!r) {
		return err_set(err, ERR_DATA, _("a verdict is about a report of no stream: tram verify says more"));
	}
	if (find_batch(h, r, seq, &found, err) != STORE_OK) {
		return false;
	}
	if (!found) {
		return tell_missing(r, report_no, err);
	}
	if (!open_batch(r, err)) {
		return err_prefix(err, _("the bytes of %s"), r->stream->agent);
	}
	place = seq - r->batches[r->at].first_seq;
	if (place >= r->batch->n_entries) {
		return tell_missing(r, report_no, err);
	}
	*ret = codec_report(a, r->batch->entries[place]->report.data, r->batch->entries[place]->report.len, err);
	return *ret != NULL;
}
