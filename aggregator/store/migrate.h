/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate - the schema that this program was built with, against a database's: the tables, by numbered steps that are never
 * altered once they were applied (sql/tables/NNNN_name.sql), and the views and functions, each written once and made anew,
 * all together, whenever the text of one changes (sql/views/).
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
extern const struct migration migrations[]; /* in order; made from sql/tables when the program is built */
extern const size_t n_migrations;
extern const struct migration views; /* all of sql/views; its version is 0 */

/* STORE_BROKEN and what to do, unless the database has exactly these migrations, unaltered, and these views. */
enum store_result migrate_check(struct store *s, struct err *err) MUST_CHECK;

#endif
