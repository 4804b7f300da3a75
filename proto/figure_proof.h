/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figure_proof - the proof of a figure (PROTOCOL.md, "Proof of a figure"): the centre's signed statement of what it rolled up
 * and how, and of each figure that counts in it the report's bytes under the agent's signature. A text of lines.
 *
 * The statement is kept while the evidence behind it is read and written a line at a time, so memory is bounded by the limits
 * below, whatever the file's size. The reader takes any bytes, says in which line the first fault is, and calls nothing
 * proven before all of the file is. Pure; one thread each.
 */
#ifndef TRAM_FIGURE_PROOF_H
#define TRAM_FIGURE_PROOF_H

#include "decimal.h"
#include "period.h"
#include "proof.h"

#define FIGURE_MAGIC      "tram-figure-v1"
#define FIGURE_CODE       81 /* of an indicator, a unit, an area, with the NUL */
#define FIGURE_NUMBER     121
#define FIGURE_KEYS_MAX   4096
#define FIGURE_NODES_MAX  64
#define FIGURE_ITEMS_MAX  100000
#define FIGURE_REPORT_MAX (16u << 20) /* bytes of one report */

/* How a figure is made; the names are the file's. */
enum figure_how { FIGURE_OWN, FIGURE_SUM, FIGURE_RATIO, FIGURE_MEAN, FIGURE_GROWTH, FIGURE_QUOTIENT, FIGURE_HOWS };
extern const char *const figure_hows[FIGURE_HOWS];

/* How a period's parts make the period. */
enum figure_time {
	FIGURE_TIME_SUM,
	FIGURE_TIME_LAST,
	FIGURE_TIME_MEAN,
	FIGURE_TIME_MIN,
	FIGURE_TIME_MAX,
	FIGURE_TIMES
};
extern const char *const figure_times[FIGURE_TIMES];

enum item_part { ITEM_VALUE, ITEM_WEIGHT, ITEM_PARTS };
extern const char *const item_parts[ITEM_PARTS];

/* What becomes of a contribution. The first two have evidence; the others are the centre's word. */
enum item_state { ITEM_COUNTS, ITEM_NOT_APPLICABLE, ITEM_EXPLAINED, ITEM_MISSING, ITEM_HELD, ITEM_HIDDEN, ITEM_STATES };
extern const char *const item_states[ITEM_STATES];

/* The place of a word in a list of n; n: it is none of them. */
size_t figure_word(const char *const *words, size_t n, const char *word);

/* Texts are "" where there is none; numbers are exact decimals. */
struct figure_node {
	char indicator[FIGURE_CODE], period[PERIOD_TEXT], level[FIGURE_CODE], area[FIGURE_CODE], boundary[FIGURE_CODE];
	enum figure_how how;
	enum figure_time over_time;
	char leaf; /* the finest periods that this one is made of: S, Q, M, D; 0: it is not made of others */
	char unit[FIGURE_CODE];
	char weighed_by[FIGURE_CODE];  /* of a mean: another indicator, or "observation" */
	enum figure_time weighed_over; /* … how that one's parts make its period, and which */
	char weighed_leaf;
	char value[FIGURE_NUMBER], numerator[FIGURE_NUMBER], denominator[FIGURE_NUMBER];
	/* The centre's word. */
	int64_t reporting, expected, parts_reporting, parts_expected, held;
	char coverage[FIGURE_NUMBER], finality[FIGURE_CODE], obs_status[FIGURE_CODE], qualifier[FIGURE_CODE];
	char low[FIGURE_NUMBER], high[FIGURE_NUMBER];
	/* Of growth and quotients: the positions of what they are made of, from 1 and behind this one; else 0. */
	size_t top, bottom;
	size_t first_item, n_items;
};

struct figure_item {
	enum item_part part;
	enum item_state state;
	char area[FIGURE_CODE], counts_for[FIGURE_CODE];
	char period[PERIOD_TEXT];
	int32_t packed;
	int64_t revision; /* -1: there is no figure */
	int64_t leaves;
	char value[DECIMAL_TEXT], numerator[DECIMAL_TEXT], denominator[DECIMAL_TEXT];
	char weight[FIGURE_NUMBER];
	char population[FIGURE_NUMBER];
	/* Where it is stated; agent "": nowhere. */
	char agent[PROOF_AGENT_MAX + 1];
	struct epoch epoch;
	uint64_t seq, line;
};

struct figure_statement {
	int64_t known_at_us;  /* whose knowledge it is */
	int64_t stated_at_us; /* the centre's clock */
	int64_t catalogue_version;
	struct proof_key *keys; /* agents', as the centre has them; by name, then key */
	size_t n_keys;
	struct figure_node *nodes; /* the first is what the file is about */
	size_t n_nodes;
	struct figure_item *items; /* of each node together */
	size_t n_items;
};

/* The order of items within a node: -1, 0, 1. Of keys; and of what stands in the evidence. */
int figure_compare_items(const struct figure_item *a, const struct figure_item *b);
int figure_compare_keys(const struct proof_key *a, const struct proof_key *b);
int figure_compare_places(const struct figure_item *a, const struct figure_item *b);

/* Whether the item has evidence. */
bool figure_is_shown(const struct figure_item *item);

/*
 * Whether every figure is what its contributions come to, exactly. False: fault says what is not so, *ret_node is the
 * position of the figure it concerns.
 */
bool figure_adds_up(const struct figure_statement *s, size_t *ret_node, char *fault, size_t size);

/* ---------------------------------------------------------------- writing */

struct figure_writer *figure_writer_new(proof_sink *sink, void *context);
void figure_writer_free(struct figure_writer **wp);

/* In this order: notes, the statement signed by the centre, each batch with a line for each of its reports (the bytes of
 * those that are shown), the end. */
void figure_put_note(struct figure_writer *w, const char *text);
void figure_put_statement(struct figure_writer *w, const struct figure_statement *s,
			  const uint8_t public_key[static SIGN_PUBLIC_SIZE],
			  const uint8_t secret[static SIGN_SECRET_SIZE]);
void figure_put_batch(struct figure_writer *w, const struct batch_header *header,
		      const uint8_t key_id[static KEY_ID_SIZE], const uint8_t signature[static SIGNATURE_SIZE]);
void figure_put_link(struct figure_writer *w, uint64_t seq, const struct digest *digest);
void figure_put_report(struct figure_writer *w, uint64_t seq, const void *bytes, size_t len);
void figure_put_end(struct figure_writer *w);

/* ---------------------------------------------------------------- reading */

/* What is proven. Points into the reader. */
struct figure_proof {
	const struct figure_statement *statement;
	const struct proof_key *centre; /* the key given that signed the statement */
	size_t agents;                  /* that signed reports in it */
	size_t agents_given;            /* whose keys were given and are those */
	size_t batches, reports, shown; /* shown: contributions found in reports */
	unsigned long lines;
};

/* keys are copied. A key that is named like an agent of the statement is that agent's, any other may be the centre's. */
struct figure_reader *figure_reader_new(const struct proof_key *keys, size_t n);
void figure_reader_free(struct figure_reader **rp);

/* As proof_reader_feed() and proof_reader_end(). */
bool figure_reader_feed(struct figure_reader *r, const void *data, size_t len, struct err *err) MUST_CHECK;
bool figure_reader_end(struct figure_reader *r, struct figure_proof *ret, struct err *err) MUST_CHECK;

#endif
