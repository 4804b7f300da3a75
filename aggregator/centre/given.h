/* SPDX-License-Identifier: Apache-2.0 */
/* given - a catalogue's files as a command line names them: read, and checked before anything is done with them. */
#ifndef TRAM_GIVEN_H
#define TRAM_GIVEN_H

#include "catalogue.h"
#include "table.h"

struct given {
	struct catalogue_file *files;
	size_t n;
};

/* DIR itself, or the folder "catalogue" in it. Freed with given_free(). */
bool given_read(const char *dir, struct given *ret, struct err *err) MUST_CHECK;
void given_free(struct given *g);

/* NULL when there are mistakes, which are then shown; *err says how many. */
struct catalogue *given_check(const struct given *g, enum table_format format, struct err *err) MUST_CHECK;

#endif
