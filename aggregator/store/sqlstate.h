/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlstate - what each of PostgreSQL's error codes means for whoever writes: the one table of them. Pure; any thread.
 */
#ifndef TRAM_SQLSTATE_H
#define TRAM_SQLSTATE_H

#include "store.h"

#include <stdbool.h>

/*
 * sqlstate: five characters; NULL or "" where the server said none, which happens when it is gone. constraint: the one
 * that was violated, or NULL. A code that the table does not know is STORE_BROKEN: a person has to look.
 */
enum store_result sqlstate_result(const char *sqlstate, const char *constraint);

/* "retry", "reconnect" …: the result's stable name, for logs and counters. */
const char *store_result_name(enum store_result result);

#endif
