/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof_lines - what all proof files are made of: lines of parts, of which there is one way to write each, and a hash over
 * all of them so far. One line is held at a time. For the modules of this folder only; one thread each.
 */
#ifndef TRAM_PROOF_LINES_H
#define TRAM_PROOF_LINES_H

#include "proof.h"

#include <stdarg.h>

/* ---------------------------------------------------------------- writing */

struct lines_out {
	proof_sink *sink;
	void *context;
	struct hashing *hashing; /* of all that was written */
};

void lines_out_init(struct lines_out *out, proof_sink *sink, void *context);
void lines_out_done(struct lines_out *out);

/* One line; it must fit. */
void lines_put(struct lines_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A note for people, cut to a line, what no text may hold as "?". */
void lines_put_note(struct lines_out *out, const char *text);

/* 48 bytes a line, the rest in the last. */
void lines_put_bytes(struct lines_out *out, const void *data, size_t len);

/* "word KEY-ID SIGNATURE" */
void lines_put_signature(struct lines_out *out, const char *word, const uint8_t *public_key, const uint8_t *signature);

/* "sum HASH" of all lines before. */
void lines_put_sum(struct lines_out *out);

/* ---------------------------------------------------------------- reading */

struct lines_in {
	char line[PROOF_LINE_MAX + 1]; /* the one that is being gathered */
	size_t len;
	unsigned long number;    /* of lines begun */
	struct hashing *hashing; /* of all whole lines before this one */
};

void lines_in_init(struct lines_in *in);
void lines_in_done(struct lines_in *in);

/* Calls read() for each whole line; false and *err at the first fault. */
typedef bool line_fn(void *context, struct err *err);
bool lines_feed(struct lines_in *in, const void *data, size_t len, line_fn *read, void *context,
		struct err *err) MUST_CHECK;

/* A fault of the line at hand. Always false. */
bool line_wrong(const struct lines_in *in, struct err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool line_unlike(const struct lines_in *in, const char *expected, struct err *err);
bool lines_cut(struct lines_in *in, struct err *err);

/* Behind "word " of a line that begins so; NULL: another line. */
const char *line_behind(const char *line, const char *word);

/* The next part of *at, up to a space or the end; false when it is empty, longer than size or another kind of part. */
bool line_take_part(const char **at, char *ret, size_t size);
bool line_take_hex(const char **at, void *ret, size_t size); /* lower case */
bool line_take_number(const char **at, int64_t *ret);
bool line_take_seq(const char **at, uint64_t *ret);

/* Whether the name is an agent's. */
bool line_is_agent(const char *name);

/* A note, and the sum, each as a whole line. */
bool line_read_note(const struct lines_in *in, struct err *err);
bool line_read_sum(const struct lines_in *in, struct err *err);

#endif
