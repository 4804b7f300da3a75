/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contract - a database with Trạm's schema, its catalogue and two agents, for the tests of what the store promises.
 *
 * Runs inside with-postgres. A test program has one database; its tests share it, each with streams of its own.
 */
#ifndef TRAM_CONTRACT_H
#define TRAM_CONTRACT_H

#include "connection.h"
#include "migrate.h"
#include "sqlstate.h"
#include "store_centre.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define AGENT_ONE "agent-63-46"
#define AGENT_TWO "agent-63-01"

extern struct catalogue *shipped; /* version 1 */
extern struct store *owner;       /* superuser */

/* cmocka's group set-up and tear-down. */
int contract_open(void **state);
int contract_close(void **state);

/* The conninfo of a role on the test's database; valid until the next call. */
const char *contract_conninfo(const char *role);

/*
 * Puts the database back to what it was when it was last kept, as from a backup; contract_keep() keeps it as it is now.
 * Every connection to it ends; owner is made anew. For keeping nobody else may be connected.
 */
void contract_keep(void);
void contract_restore(void);

/* A writer's connection, which must succeed. */
struct store *contract_writer(void);

/* Fails the test, with the error's text, unless result is the one expected. */
#define assert_result(expected, call)                                                                                  \
	do {                                                                                                           \
		enum store_result result_ = (call);                                                                    \
		if (result_ != (expected)) {                                                                           \
			print_error("%s: %s (%s)\n", #call, store_result_name(result_), contract_err.text);            \
		}                                                                                                      \
		assert_int_equal(result_, expected);                                                                   \
	} while (0)
extern struct err contract_err;

/* The number of a series, made if it is new. */
int32_t contract_series_no(struct store *s, const char *indicator, const char *dimensions);

/* What the owner's query gives in its first cell; valid until the next call but one. Fails the test when it cannot. */
const char *contract_ask(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Asks the owner, again and again, until the query's first cell is "t"; what is for people. Fails the test when that does
 * not come within two minutes, which no machine needs.
 */
void contract_wait(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets a setting of the whole server, or puts it back (NULL). Every session that is open was told when this returns. */
void contract_configure(const char *name, const char *value);

/* A number that differs from call to call and run to run. */
uint64_t contract_random(void);

#endif
