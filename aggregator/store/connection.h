/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connection - one connection to PostgreSQL: how it is made, what is asked over it, and what an error means.
 *
 * For the modules of this folder only. Statements are prepared when first used and live as long as the connection.
 */
#ifndef TRAM_CONNECTION_H
#define TRAM_CONNECTION_H

#include "params.h"
#include "store.h"

#include <libpq-fe.h>

enum { STATEMENTS_MAX = 24 };

/* A statement that is asked again and again; the struct's address is its identity. */
struct statement {
	const char *name;
	const char *sql;
};

struct numbers;
struct copy;

struct store {
	PGconn *pg;
	struct {
		char state[6], message[512], hint[256];
	} failure;           /* of the last question that failed, as the server put it */
	char warning[256];   /* the last one of the COMMIT that is under way; "": none */
	int64_t patience_us; /* 0: waits for ever */
	bool hung_up;        /* by us: the server was silent for longer than that */
	const struct statement *prepared[STATEMENTS_MAX];
	size_t n_prepared;
	struct numbers *numbers; /* numbers.c */
	struct copy *copy;       /* copy.c */
};

/* What a connection is for decides what is checked when it is made. */
enum connection_use {
	CONNECTION_WRITER, /* durable server, known schema, may write */
	CONNECTION_ADMIN,  /* the same */
	CONNECTION_READER, /* known schema; a standby will do */
	CONNECTION_OWNER,  /* makes the schema: nothing is known yet */
};

enum store_result connection_open(const char *conninfo, const char *name, enum connection_use use, struct store **ret,
				  struct err *err) MUST_CHECK;

/* Waits until the server takes (POLLOUT) or says (POLLIN) more; hangs up, and returns false, when patience is at its end. */
bool connection_wait(struct store *s, short events) MUST_CHECK;

/* As PQgetResult(), with patience. */
PGresult *connection_result(struct store *s);

/* As PQexec(), with patience. */
PGresult *connection_exec(struct store *s, const char *sql);

/* Runs commands that return no rows of interest. */
enum store_result connection_run(struct store *s, const char *sql, struct err *err) MUST_CHECK;

/* Asks; the answer, in text form, is the caller's to PQclear(). params may be NULL. *ret is NULL unless STORE_OK. */
enum store_result connection_ask(struct store *s, const char *sql, const struct params *params, PGresult **ret,
				 struct err *err) MUST_CHECK;

/* The same by a prepared statement. */
enum store_result connection_ask_prepared(struct store *s, const struct statement *statement,
					  const struct params *params, PGresult **ret, struct err *err) MUST_CHECK;

/* Rows changed by what was asked. */
size_t connection_changed(const PGresult *result);

/* What a result that is not the one hoped for means; fills *err. */
enum store_result connection_failure(struct store *s, const PGresult *result, struct err *err);

/* Ends a transaction that failed, as far as there is still a connection. Returns result. */
enum store_result connection_rollback(struct store *s, enum store_result result);

/* BEGIN … COMMIT around work(). */
enum store_result connection_transaction(struct store *s,
					 enum store_result (*work)(struct store *s, void *context, struct err *err),
					 void *context, struct err *err) MUST_CHECK;

/* Neither changes until the transaction has ended. */
struct figures_begun {
	int64_t settled_us; /* what is written must be known after this moment */
	int64_t closing_no; /* the newest closing; 0: none */
};

/* The same for a transaction that figures become known by. *ret is set before work() is called. */
enum store_result connection_write_figures(struct store *s, struct figures_begun *ret,
					   enum store_result (*work)(struct store *s, void *context, struct err *err),
					   void *context, struct err *err) MUST_CHECK;

/* Cells of a result as text form has them; a null is "" or 0. */
const char *cell_text(const PGresult *r, int row, int column);
int64_t cell_int(const PGresult *r, int row, int column);
bool cell_bool(const PGresult *r, int row, int column);
const char *cell_text_or_null(const PGresult *r, int row, int column);
bool cell_is_null(const PGresult *r, int row, int column);
/* bytea; false when it is not len bytes long. */
bool cell_bytes(const PGresult *r, int row, int column, void *ret, size_t len);
/* numeric; false when it is null, or a figure that is none of ours: what we stored fits 18 digits. */
bool cell_decimal(const PGresult *r, int row, int column, struct decimal *ret);
enum agent_state cell_agent_state(const PGresult *r, int row, int column);

#endif
