/* SPDX-License-Identifier: Apache-2.0 */
/*
 * province - what the tests of the command line's room share: a small codebook, and a file taken in without an agent.
 */
#ifndef TRAM_TEST_PROVINCE_H
#define TRAM_TEST_PROVINCE_H

#include "compose.h"

#define PROVINCE_TODAY INT64_C(1795219200000000) /* 2026-11-21 07:00 in Viet Nam */

/* An agent that acts for P63-15 (Yên Bái) alone, or, with both, for P63-46 too. Caller frees with book_free(). */
struct book *province_book(bool both);

/* The same as a message; caller frees. */
Tram__V1__Codebook *province_codebook(bool both);

/* A file, and what came of it. */
struct taken {
	char *told;        /* "2:47 ambiguous-number; 3:1 row-short": every problem, in order */
	uint8_t **reports; /* as they would be handed in */
	size_t *lens, n;
	size_t observations;
	uint64_t records;
	struct problems *problems;
};

/* Takes the bytes in; book NULL: the agent has none. Caller ends with taken_free(). */
void take_file(enum reader_format format, const void *bytes, size_t len, const struct check_options *options,
	       const struct book *book, struct taken *ret);
void take_file_with(enum reader_format format, const void *bytes, size_t len, const struct check_options *options,
		    const struct reader_options *reader, const struct book *book, struct taken *ret);
void taken_free(struct taken *t);

#endif
