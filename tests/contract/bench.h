/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench - a lane between its two queues, and provinces that say HELLO and PUBLISH to it, for the contract tests of lanes.
 *
 * Whatever does not go as it must fails the test.
 */
#ifndef TRAM_BENCH_H
#define TRAM_BENCH_H

#include "contract.h"
#include "lane.h"

#define REPORTS_MAX 12

#define BENCH_PATIENCE_MS 120000 /* for one result: of a machine that is slow and has more to do */

#define EPOCHS_MAX 100 /* of one agent, as the lane is set */

/* An acknowledgement as an agent keeps it; at_us 0: none of this position. */
struct first_ack {
	int64_t at_us;
	uint8_t signature[SIGNATURE_SIZE];
};

/* An agent as the lane sees it: keys, a stream of reports and its chain; chain[n] is at seq n. */
struct province {
	const char *agent, *provider, *area;
	uint8_t public_key[SIGN_PUBLIC_SIZE], secret[SIGN_SECRET_SIZE];
	struct epoch epoch;
	uint8_t *reports[REPORTS_MAX + 1];
	size_t lens[REPORTS_MAX + 1];
	struct digest chain[REPORTS_MAX + 1];
	int64_t handed_in_at_us[REPORTS_MAX + 1]; /* 0: it does not say */
	uint64_t last;
	bool has_keys;
	struct first_ack acks[REPORTS_MAX + 1]; /* by what they go through to */
	bool refills;                           /* sends with each report the first acknowledgement that covers it */
};

/* A running lane with its two queues. */
struct bench {
	struct handoff *jobs, *results;
	struct lane *lane;
};

/* ---------------------------------------------------------------- a lane */

struct bench bench_open(void);
struct bench bench_open_with(size_t arena);
struct bench bench_open_at(const char *database);
void bench_close(struct bench *b);

/* The centre's keys, for all benches; made with the first one. */
extern uint8_t bench_centre_public[SIGN_PUBLIC_SIZE], bench_centre_secret[SIGN_SECRET_SIZE];

/* The next result that is not about the store's coming and going; the caller's. */
struct result *next_result(struct bench *b);

/* ---------------------------------------------------------------- a province */

/* A new outbox: another epoch, no reports. The first one makes keys too. */
void province_start(struct province *p);

/* Frees its reports; keys and epoch stay. For a province that does not live as long as the program. */
void province_clear(struct province *p);

/* An outbox made anew that carries all the reports of the one before: another epoch. */
void province_renew(struct province *p);

/* Makes keys and puts them on the roster. */
void province_take_keys(struct province *p);

/* Takes bytes into the stream; they are the province's from now on. */
void append(struct province *p, uint8_t *bytes, size_t len);

/* A report of one figure: the area's population in a year, said afterwards. */
void append_report(struct province *p, const char *year, int64_t population, const char *comment);

/* The same, said in full. */
struct report_given {
	const char *year, *comment;
	int64_t population;
	Tram__V1__Purpose purpose;
	bool revises;
};
void append_given(struct province *p, const struct report_given *given);

/* Takes a COMMITTED for an acknowledgement, as the centre would have signed it. */
void province_keep_ack(struct province *p, const struct result *committed);

void say_hello(struct bench *b, struct province *p);
/* The same for a stream of which nothing is stored yet. */
void open_stream(struct bench *b, struct province *p);
/* The same, with the last verdict the province holds and when that was known. */
void say_hello_with(struct bench *b, struct province *p, uint64_t verdict_cursor, int64_t known_at_us);
/* As it arrives now; a test may change the job before it gives it to the lane. */
struct job *new_publish(const struct province *p, uint64_t first, uint64_t last);
void publish(struct bench *b, const struct province *p, uint64_t first, uint64_t last);

/* ---------------------------------------------------------------- what is expected */

/* Takes the SUBSCRIBE; the watermark it states. */
uint64_t subscribed_at(struct bench *b);

/* Takes COMMITTED results until the stream stands at seq; the verdicts' first outcomes ('-' for none) are as stated. */
void committed_through(struct bench *b, const struct province *p, uint64_t seq, const char *outcomes);

/* Takes results, whatever they say, until one says that the stream stands at seq or later. */
void stands_at(struct bench *b, uint64_t seq);

/* What the store has of the stream, by rows, and a verdict for every report, and its bytes in a batch. */
void assert_stored(const struct province *p, const char *reports, const char *observations, const char *poison);

/* How many batches the store has of the stream. */
void assert_batches(const struct province *p, const char *batches);

#endif
