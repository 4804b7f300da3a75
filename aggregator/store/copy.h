/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copy - rows into a table by PostgreSQL's binary COPY.
 *
 * What is put is gathered and handed to libpq in large pieces. A failure on the way is kept and told by copy_end(), so
 * that those who put rows have nothing to check. One COPY at a time on a connection.
 */
#ifndef TRAM_COPY_H
#define TRAM_COPY_H

#include "connection.h"
#include "decimal.h"

struct copy *copy_new(void);
void copy_free(struct copy **cp);

/* COPY table (columns) FROM STDIN; n_columns is how many they are. */
enum store_result copy_begin(struct store *s, const char *table, const char *columns, int n_columns,
			     struct err *err) MUST_CHECK;

/* Starts a row; as many values as there are columns follow. */
void copy_row(struct copy *c);
void copy_null(struct copy *c);
void copy_int16(struct copy *c, int16_t value);
void copy_int32(struct copy *c, int32_t value);
void copy_int64(struct copy *c, int64_t value);
void copy_char(struct copy *c, char value); /* "char" */
void copy_bool(struct copy *c, bool value);
void copy_text(struct copy *c, const char *text); /* UTF-8 without NUL */
void copy_bytes(struct copy *c, const void *data, size_t len);
void copy_int32s(struct copy *c, const int32_t *values, size_t n);   /* integer[] */
void copy_timestamp(struct copy *c, int64_t us);                     /* since 1970 UTC; INT64_MIN: null */
void copy_date(struct copy *c, int32_t days);                        /* since 1970-01-01 */
void copy_numeric(struct copy *c, bool there, struct decimal value); /* not there: null */

enum store_result copy_end(struct store *s, struct err *err) MUST_CHECK;

#endif
