/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compose - from a file's bytes to finished reports: reader, check and binder put together.
 *
 * Once a problem that is an error was found, nothing more is given out; reading goes on, so that every problem is told.
 * One thread.
 */
#ifndef TRAM_COMPOSE_H
#define TRAM_COMPOSE_H

#include "check.h"
#include "reader.h"

struct compose;

/* A finished report; the bytes are valid for the call. */
typedef void compose_give(void *context, const uint8_t *report, size_t len, size_t observations);

/* Options, book and problems outlive it. Caller frees with compose_free(). */
struct compose *compose_new(const struct check_options *options, const struct book *book, struct problems *problems,
			    compose_give *give, void *context);
void compose_free(struct compose **cp);

/* Takes all of a file. False and *err only when it cannot be read. */
bool compose_file(struct compose *c, struct input *in, enum reader_format format, const struct reader_options *options,
		  struct err *err) MUST_CHECK;

/* Takes one record that comes from no file. */
void compose_record(struct compose *c, const struct record *record);

/* Gives out what is still under way. */
void compose_finish(struct compose *c);

/* Records taken, right or wrong. */
uint64_t compose_records(const struct compose *c);

#endif
