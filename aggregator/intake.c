/* SPDX-License-Identifier: Apache-2.0 */
#include "intake.h"

#include "clock.h"
#include "known.h"
#include "lang.h"
#include "looks.h"
#include "repeats.h"
#include "views.h"

#include <assert.h>
#include <string.h>

/* ---------------------------------------------------------------- growing arrays in the arena */

/* Room for one more element; the old array stays behind in the arena, which is reset as a whole. */
static void *grow(struct arena *a, void *array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return array;
	size_t more = *room ? *room * 2 : 16;
	void *bigger = arena_calloc(a, more, size);
	if (bigger && n > 0)
		memcpy(bigger, array, n * size);
	if (bigger)
		*room = more;
	return bigger;
}

void intake_start(struct intake *in)
{
	in->reports = NULL;
	in->batches = NULL;
	in->streams = NULL;
	in->n_reports = in->reports_room = 0;
	in->n_batches = in->batches_room = 0;
	in->n_streams = in->streams_room = 0;
	in->n_observations = 0;
	in->group = (struct group){.known_at_us = in->known_at_us};
}

static bool add_stream(struct intake *in, struct intake_stream *stream)
{
	if (stream->moved)
		return true;
	struct intake_stream **streams =
	    grow(in->arena, in->streams, in->n_streams, &in->streams_room, sizeof(*streams));
	if (!streams)
		return false;
	in->streams = streams;
	in->streams[in->n_streams++] = stream;
	stream->after = stream->before;
	stream->after.is_new = false;
	stream->moved = true;
	return true;
}

bool intake_add_batch(struct intake *in, struct intake_stream *stream, const struct publish *p, int64_t arrived_at_us)
{
	struct intake_batch *batches = grow(in->arena, in->batches, in->n_batches, &in->batches_room, sizeof(*batches));
	if (!batches)
		return false;
	in->batches = batches;
	in->batches[in->n_batches].stream = stream;
	in->batches[in->n_batches++].row = (struct batch_row){
	    .agent_no = stream->before.agent_no,
	    .from_seq = p->entries[0].seq,
	    .first_seq = p->message->first_seq,
	    .last_seq = p->last_seq,
	    .codec = (int)p->message->codec,
	    .received_at_us = arrived_at_us,
	    .prev_chain = p->prev_chain,
	    .chain = p->chain,
	    .signature = p->message->signature.data,
	    .key_id = p->message->key_id.data,
	    .payload = p->message->payload.data,
	    .payload_len = p->message->payload.len,
	};
	return true;
}

/* ---------------------------------------------------------------- reading a report */

/* Structs in memory are at most this many times the bytes they came from; more is hostile. */
#define ARENA_PER_BYTE   32
#define ARENA_PER_REPORT (1u << 16)

/* What speaks against a report that could be decoded; it is poison then. */
static void find_poison(struct intake *in, struct intake_report *r)
{
	char place[128];
	const char *bad = codec_report_bad_text(r->report, place, sizeof(place));
	if (bad)
		r->poison = arena_printf(in->arena, "%s is not UTF-8 text, or holds a NUL", bad);
	else if (r->report->n_observations > in->settings->observations)
		r->poison = "the report has more observations than allowed";
	if (r->poison)
		r->report = NULL;
}

/* Decodes the report, or says why it is poison. False: the arena is exhausted, for which the report is not to blame. */
static bool read_report(struct intake *in, struct intake_report *r)
{
	struct err err = {0};
	if (r->entry->len > in->settings->report_bytes) {
		r->poison = "the report is larger than report_bytes";
		return true;
	}
	bool room = arena_cap(in->arena, r->entry->len * ARENA_PER_BYTE + ARENA_PER_REPORT);
	r->report = codec_report(in->arena, r->entry->data, r->entry->len, &err);
	arena_uncap(in->arena);
	if (!r->report && err.kind == ERR_PROTOCOL && !room)
		return false;
	if (r->report)
		find_poison(in, r);
	else
		r->poison = "the bytes are not a tram.v1.Report";
	return true;
}

static struct report_context context_of(const struct intake *in, const struct intake_report *r, const char *agent)
{
	return (struct report_context){
	    .catalogue = in->catalogue,
	    .report = r->report,
	    .agent = agent,
	    .received_at_us = r->received_at_us,
	    .handed_in_at_us = r->entry->handed_in_at_us,
	};
}

/* False: the arena is exhausted. */
static bool resolve_report(struct intake *in, struct intake_report *r, const char *agent)
{
	if (!r->poison && !read_report(in, r))
		return false;
	if (!r->report)
		return true;
	struct report_context ctx = context_of(in, r, agent);
	size_t n = r->report->n_observations;
	if (!rules_resolve(&ctx, in->arena, &r->judgement))
		return false;
	r->period = r->judgement.readable ? period_pack(&r->judgement.period) : 0;
	r->past = arena_calloc(in->arena, n, sizeof(*r->past));
	r->history = arena_calloc(in->arena, n, sizeof(*r->history));
	r->views = arena_calloc(in->arena, n, sizeof(struct view **));
	r->area_no = arena_calloc(in->arena, n, sizeof(*r->area_no));
	r->key = arena_calloc(in->arena, n, sizeof(*r->key));
	in->n_observations += n;
	return r->past && r->history && r->views && r->area_no && r->key;
}

static struct intake_report *next_report(struct intake *in)
{
	struct intake_report *reports =
	    grow(in->arena, in->reports, in->n_reports, &in->reports_room, sizeof(*reports));
	if (!reports)
		return NULL;
	in->reports = reports;
	in->reports[in->n_reports] = (struct intake_report){0};
	return &in->reports[in->n_reports++];
}

/* A time, or the one of a first acknowledgement (0: there is none) where that is before it. */
static int64_t earlier(int64_t at_us, int64_t first_us)
{
	return first_us && first_us < at_us ? first_us : at_us;
}

bool intake_add_report(struct intake *in, struct intake_stream *stream, const struct publish_entry *entry,
		       int64_t arrived_at_us, const char *poison)
{
	struct intake_report *r = add_stream(in, stream) ? next_report(in) : NULL;
	if (!r)
		return false;
	assert(entry->seq == stream->after.seq + 1);
	r->stream = stream;
	r->entry = entry;
	r->arrived_at_us = arrived_at_us;
	r->received_at_us = earlier(arrived_at_us, entry->first_committed_at_us);
	r->poison = poison;
	r->verdict_seq = ++stream->after.verdict_seq;
	stream->after.seq = entry->seq;
	stream->after.chain = entry->chain;
	return resolve_report(in, r, stream->agent);
}

bool intake_add_check(struct intake *in, const char *agent, const struct publish_entry *entry, int64_t arrived_at_us)
{
	struct intake_report *r = next_report(in);
	if (!r)
		return false;
	struct intake_stream *nobody = arena_calloc(in->arena, 1, sizeof(*nobody));
	if (!nobody)
		return false;
	nobody->agent = agent;
	r->stream = nobody;
	r->entry = entry;
	r->arrived_at_us = r->received_at_us = arrived_at_us;
	return resolve_report(in, r, agent);
}

/* ---------------------------------------------------------------- keys */

bool intake_has_figures(const struct intake_report *r)
{
	return r->report && r->judgement.readable && !r->repeat;
}

/* An area's number. One of the catalogue that has none was loaded into another store: nothing of it could be kept. */
static enum store_result number_area(struct intake *in, const struct area *area, int32_t *ret_no, struct err *err)
{
	enum store_result result = store_area_no(in->store, area->area, ret_no, err);
	if (result == STORE_OK && *ret_no == 0) {
		err_set(err, ERR_CONFIG, _("the store has no number for the area %s: `tram catalogue load` gives one"),
			area->area);
		result = STORE_BROKEN;
	}
	return result;
}

/* Whether no other agent reports for the provider's area. */
static bool is_alone(const struct catalogue *c, const struct provider *own, const char *agent)
{
	const struct provider *all;
	size_t n = catalogue_providers(c, &all);
	bool alone = strcmp(own->agent, agent) == 0;
	for (size_t i = 0; i < n && alone; i++)
		alone = strcmp(all[i].area, own->area) != 0 || strcmp(all[i].agent, agent) == 0;
	return alone;
}

static enum store_result number_own_area(struct intake *in, struct intake_report *r, struct err *err)
{
	const struct provider *own = r->judgement.provider;
	return is_alone(in->catalogue, own, r->stream->agent)
		   ? store_area_no(in->store, own->area, &r->own_area_no, err)
		   : STORE_OK;
}

/* What another province stated is not looked up for one that states it too, and is refused: nothing of it is told. */
static bool is_own(const struct intake_report *r, const struct area *area)
{
	const struct provider *p = r->judgement.provider;
	return strcmp(p->agent, r->stream->agent) == 0 && catalogue_states_for(p, r->judgement.dataflow, area);
}

/* Observations of one report are nearly always of one area. */
static enum store_result number_areas(struct intake *in, struct intake_report *r, struct err *err)
{
	const struct area *last = NULL;
	int32_t area_no = 0;
	enum store_result result = number_own_area(in, r, err);
	for (size_t i = 0; i < r->judgement.n && result == STORE_OK; i++) {
		const struct figure *f = &r->judgement.figures[i];
		if (!f->storable || !is_own(r, f->area))
			continue;
		if (f->area != last)
			result = number_area(in, f->area, &area_no, err);
		last = f->area;
		r->area_no[i] = area_no;
	}
	return result;
}

static size_t ask_series(const struct intake_report *r, struct series_question *q)
{
	size_t n = 0;
	for (size_t i = 0; i < r->judgement.n; i++) {
		const struct figure *f = &r->judgement.figures[i];
		if (f->storable)
			q[n++] = (struct series_question){.indicator = f->indicator->code, .dimensions = f->dimensions};
	}
	return n;
}

static size_t take_keys(struct intake_report *r, const struct series_question *q)
{
	size_t n = 0;
	for (size_t i = 0; i < r->judgement.n; i++)
		if (r->judgement.figures[i].storable)
			r->key[i] = store_key(q[n++].series_no, r->period, 0);
	return n;
}

/* Numbers every figure of the group that has a key. */
static enum store_result number_figures(struct intake *in, struct err *err)
{
	struct series_question *q = arena_calloc(in->arena, in->n_observations, sizeof(*q));
	size_t n = 0, taken = 0;
	if (!q)
		return store_exhausted(err);
	enum store_result result = STORE_OK;
	for (size_t i = 0; i < in->n_reports && result == STORE_OK; i++) {
		if (!intake_has_figures(&in->reports[i]))
			continue;
		result = number_areas(in, &in->reports[i], err);
		n += ask_series(&in->reports[i], q + n);
	}
	if (result == STORE_OK)
		result = store_series_nos(in->store, q, n, err);
	for (size_t i = 0; i < in->n_reports && result == STORE_OK; i++)
		if (intake_has_figures(&in->reports[i]))
			taken += take_keys(&in->reports[i], q + taken);
	return result;
}

/* Every stream that is new has a number from now on, which it keeps until its watermark is read again. */
static enum store_result number_streams(struct intake *in, struct err *err)
{
	enum store_result result = STORE_OK;
	for (size_t i = 0; i < in->n_streams && result == STORE_OK; i++) {
		struct intake_stream *s = in->streams[i];
		if (s->before.stream_no == 0)
			result = store_stream_no(in->store, &s->before.stream_no, err);
		s->after.stream_no = s->before.stream_no;
	}
	return result;
}

/* ---------------------------------------------------------------- judging */

static bool fill_words(struct intake *in, struct judgement *j, enum word_state state)
{
	j->n_words = catalogue_words(in->catalogue, &j->word_table);
	j->words = arena_calloc(in->arena, j->n_words, sizeof(*j->words));
	for (size_t i = 0; j->words && i < j->n_words; i++)
		j->words[i] = state;
	return j->words;
}

/* Bench only: everything that has a key passes. */
static bool accept_all(struct intake *in, const struct past *past, struct judgement *j)
{
	j->outcomes = arena_calloc(in->arena, j->n, sizeof(*j->outcomes));
	j->justified = arena_calloc(in->arena, j->n, sizeof(*j->justified));
	if (!j->outcomes || !j->justified || !fill_words(in, j, WORD_PASS))
		return false;
	for (size_t i = 0; i < j->n; i++) {
		bool fits = j->figures[i].storable && past[i].revision < KEY_REVISION_MAX;
		j->outcomes[i] = fits ? OUTCOME_ACCEPTED : OUTCOME_REFUSED;
	}
	return true;
}

/* A report that cannot be read fails the words it cannot be judged by, and says so in one finding. */
static bool judge_poison(struct intake *in, struct intake_report *r)
{
	struct judgement *j = &r->judgement;
	struct finding *f = arena_alloc(in->arena, sizeof(*f));
	if (!f || !fill_words(in, j, WORD_FAIL))
		return false;
	*f = (struct finding){.rule = rule_by_code("DU-01"),
			      .severity = SEVERITY_BLOCK,
			      .asked = SEVERITY_BLOCK,
			      .field = "report",
			      .found = r->poison,
			      .expected = "tram.v1.Report"};
	j->findings = f;
	j->n_findings = 1;
	return true;
}

static bool judge_report(struct intake *in, struct intake_report *r, const struct knowledge *known)
{
	if (r->repeat)
		return repeats_judge(in->arena, r);
	if (!in->settings->judge)
		return accept_all(in, r->past, &r->judgement);
	struct report_context ctx = context_of(in, r, r->stream->agent);
	return rules_judge(&ctx, known, in->arena, &r->judgement);
}

static bool judge_in_order(struct intake *in, struct intake_report *r)
{
	struct knowledge known;
	return known_look_back(in, r, &known) && judge_report(in, r, &known) && known_look_ahead(in, r);
}

/* In order: each report knows what those before it stated. */
static bool judge_all(struct intake *in)
{
	for (size_t i = 0; i < in->n_reports; i++) {
		struct intake_report *r = &in->reports[i];
		if (!(r->report ? judge_in_order(in, r) : judge_poison(in, r)))
			return false;
	}
	return true;
}

/* What the lane keeps of the agents is of use where it is as of the verdicts that the group goes on from. */
static void look_at_agents(struct intake *in)
{
	if (!in->histories)
		return;
	histories_begin(in->histories);
	for (size_t i = 0; i < in->n_streams; i++)
		histories_stand_at(in->histories, in->streams[i]->before.agent_no, in->streams[i]->before.verdict_seq);
}

enum store_result intake_judge(struct intake *in, struct err *err)
{
	look_at_agents(in);
	enum store_result result = number_streams(in, err);
	if (result == STORE_OK)
		result = repeats_find(in, err);
	if (result == STORE_OK)
		result = number_figures(in, err);
	if (result == STORE_OK && in->settings->judge)
		result = looks_find(in, err);
	if (result == STORE_OK)
		result = known_gather(in, err);
	if (result == STORE_OK && !judge_all(in))
		return store_exhausted(err);
	return result;
}

void intake_keep(struct intake *in)
{
	for (size_t i = 0; in->histories && i < in->n_streams; i++)
		histories_move_to(in->histories, in->streams[i]->before.agent_no, in->streams[i]->after.verdict_seq);
	views_keep(in);
}

/* ---------------------------------------------------------------- rows */

static uint64_t report_no(const struct intake_report *r)
{
	return store_report_no(r->stream->before.stream_no, r->entry->seq);
}

uint32_t intake_catalogue_version(const struct intake *in, const struct intake_report *r)
{
	return r->repeat ? r->repeat->catalogue_version : catalogue_version(in->catalogue);
}

int64_t intake_known_at(const struct intake *in, const struct intake_report *r)
{
	int64_t known_us = earlier(in->known_at_us, r->entry->first_committed_at_us);
	return known_us > in->group.settled_us ? known_us : in->group.settled_us + 1;
}

static void lay_out_poison(struct intake *in, const struct intake_report *r)
{
	struct group *g = &in->group;
	g->poisons[g->n_poisons++] = (struct poison_row){.stream_no = r->stream->before.stream_no,
							 .agent_no = r->stream->before.agent_no,
							 .seq = r->entry->seq,
							 .received_at_us = r->received_at_us,
							 .known_at_us = intake_known_at(in, r),
							 .digest = r->entry->digest,
							 .cause = r->poison};
}

static int64_t time_or_none(const char *text)
{
	int64_t at;
	return text && *text && clock_parse(text, &at) ? at : INT64_MIN;
}

static bool lay_out_head(struct intake *in, const struct intake_report *r)
{
	struct group *g = &in->group;
	g->reports[g->n_reports++] = (struct report_row){.stream_no = r->stream->before.stream_no,
							 .agent_no = r->stream->before.agent_no,
							 .seq = r->entry->seq,
							 .handed_in_at_us = r->entry->handed_in_at_us,
							 .received_at_us = r->received_at_us,
							 .known_at_us = intake_known_at(in, r),
							 .prepared_at_us = time_or_none(r->report->prepared_at),
							 .approved_at_us = time_or_none(r->report->approved_at),
							 .digest = r->entry->digest,
							 .report = r->report,
							 .judgement = &r->judgement,
							 .catalogue_version = intake_catalogue_version(in, r),
							 .repeats = r->repeat ? r->repeat->report_no : 0};
	return looks_lay_out(in, r, &g->reports[g->n_reports - 1]);
}

static void lay_out_observations(struct intake *in, const struct intake_report *r)
{
	struct group *g = &in->group;
	for (size_t i = 0; i < r->judgement.n; i++) {
		const Tram__V1__Observation *o = r->report->observations[i];
		if (!known_is_stored(r, i))
			continue;
		g->observations[g->n_observations++] = (struct observation_row){
		    .key = r->key[i],
		    .area_no = r->area_no[i],
		    .report_no = report_no(r),
		    .known_at_us = intake_known_at(in, r),
		    .line = (uint32_t)i + 1,
		    .observation = o,
		    .figure = &r->judgement.figures[i],
		    .outcome = r->judgement.outcomes[i],
		    .withdrawn = o->action == TRAM__V1__OBSERVATION_ACTION__OBSERVATION_ACTION_WITHDRAW,
		    .demonstration = r->report->demonstration,
		    .justified = r->judgement.justified[i],
		    .reasoned = rules_reasoned(r->report, r->report->observations[i]),
		};
	}
}

static void lay_out_findings(struct group *g, const struct intake_report *r)
{
	for (size_t i = 0; i < r->judgement.n_findings; i++) {
		const struct finding *f = &r->judgement.findings[i];
		bool of_line = r->report && f->line >= 1 && f->line <= r->report->n_observations;
		const Tram__V1__Observation *o = of_line ? r->report->observations[f->line - 1] : NULL;
		g->findings[g->n_findings++] = (struct finding_row){.agent_no = r->stream->before.agent_no,
								    .report_no = report_no(r),
								    .finding_no = (uint32_t)i + 1,
								    .finding = f,
								    .indicator = o ? o->indicator : "",
								    .ref_area = o ? o->ref_area : ""};
	}
}

/* What is repeated was judged before, by what was known then. */
static int32_t known_cut(const struct intake *in, const struct intake_report *r)
{
	return in->peers && !r->repeat ? (int32_t)peers_cut(in->peers)->no : 0;
}

static void lay_out_verdict(struct intake *in, const struct intake_report *r)
{
	struct group *g = &in->group;
	g->verdicts[g->n_verdicts++] = (struct verdict_row){.agent_no = r->stream->before.agent_no,
							    .verdict_seq = r->verdict_seq,
							    .report_no = report_no(r),
							    .catalogue_version = intake_catalogue_version(in, r),
							    .peer_cut = known_cut(in, r),
							    .closing_no = r->repeat ? 0 : in->closing_no,
							    .words = r->judgement.words,
							    .n_words = r->judgement.n_words,
							    .outcomes = r->judgement.outcomes,
							    .n_outcomes = r->report ? r->judgement.n : 0,
							    .cause = "received"};
}

static void lay_out_move(struct group *g, const struct intake_stream *s)
{
	struct watermark_move *m = &g->moves[g->n_moves++];
	*m = (struct watermark_move){.stream_no = s->before.stream_no,
				     .agent_no = s->before.agent_no,
				     .seq_from = s->before.seq,
				     .seq_to = s->after.seq,
				     .chain_to = s->after.chain,
				     .verdict_from = s->before.verdict_seq,
				     .verdict_to = s->after.verdict_seq};
	memcpy(m->signing_public, s->before.signing_public, SIGN_PUBLIC_SIZE);
}

static void lay_out_streams(struct intake *in)
{
	struct group *g = &in->group;
	for (size_t i = 0; i < in->n_streams; i++) {
		const struct intake_stream *s = in->streams[i];
		if (s->before.is_new)
			g->streams[g->n_streams++] =
			    (struct stream_row){.stream_no = s->before.stream_no,
						.agent_no = s->before.agent_no,
						.epoch = s->before.epoch,
						.previous = s->has_previous ? &s->previous_epoch : NULL,
						.previous_chain = s->has_previous_chain ? &s->previous_chain : NULL,
						.first_chain = s->first_chain};
		lay_out_move(g, s);
	}
}

static void lay_out_batches(struct intake *in)
{
	struct group *g = &in->group;
	for (; g->n_batches < in->n_batches; g->n_batches++) {
		const struct intake_batch *b = &in->batches[g->n_batches];
		g->batches[g->n_batches] = b->row;
		g->batches[g->n_batches].stream_no = b->stream->before.stream_no;
	}
}

static bool make_room(struct intake *in)
{
	struct group *g = &in->group;
	size_t findings = 0, observations = 0;
	for (size_t i = 0; i < in->n_reports; i++) {
		findings += in->reports[i].judgement.n_findings;
		observations += in->reports[i].report ? in->reports[i].judgement.n : 0;
	}
	g->streams = arena_calloc(in->arena, in->n_streams, sizeof(*g->streams));
	g->batches = arena_calloc(in->arena, in->n_batches, sizeof(*g->batches));
	g->reports = arena_calloc(in->arena, in->n_reports, sizeof(*g->reports));
	g->poisons = arena_calloc(in->arena, in->n_reports, sizeof(*g->poisons));
	g->observations = arena_calloc(in->arena, observations, sizeof(*g->observations));
	g->findings = arena_calloc(in->arena, findings, sizeof(*g->findings));
	g->verdicts = arena_calloc(in->arena, in->n_reports, sizeof(*g->verdicts));
	g->moves = arena_calloc(in->arena, in->n_streams, sizeof(*g->moves));
	return g->streams && g->batches && g->reports && g->poisons && g->observations && g->findings && g->verdicts &&
	       g->moves;
}

bool intake_lay_out(struct intake *in)
{
	in->known_at_us = in->group.known_at_us = clock_wall_us();
	if (!make_room(in))
		return false;
	for (size_t i = 0; i < in->n_reports; i++) {
		const struct intake_report *r = &in->reports[i];
		if (r->report) {
			if (!lay_out_head(in, r))
				return false;
			lay_out_observations(in, r);
		} else {
			lay_out_poison(in, r);
		}
		lay_out_findings(&in->group, r);
		lay_out_verdict(in, r);
	}
	lay_out_batches(in);
	lay_out_streams(in);
	return true;
}
