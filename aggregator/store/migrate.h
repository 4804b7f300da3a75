/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - the schema's versions, as this program was built with them (sql/NNNN_name.sql), against a database's.
 */
#ifndef TRAM_MIGRATE_H
#define TRAM_MIGRATE_H

#include "connection.h"

struct migration {
	int version;
	const char *name;
	const unsigned char *sql; /* ends with a NUL that len does not count */
	size_t len;
};
extern const struct migration migrations[]; /* in order; made from sql/ when the program is built */
extern const size_t n_migrations;

/* STORE_BROKEN and what to do, unless the database has exactly these migrations, unaltered. */
enum store_result migrate_check(struct store *s, struct err *err) MUST_CHECK;

#endif
