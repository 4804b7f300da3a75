/* SPDX-License-Identifier: Apache-2.0 */
/*
 * versions - what a rehearsal reads of the store once and keeps: catalogues by version (the last few that were asked for),
 * and the numbers of series, those that there are not too. One thread.
 */
#ifndef TRAM_VERSIONS_H
#define TRAM_VERSIONS_H

#include "store.h"

struct versions;

struct versions *versions_new(struct store *s);
void versions_free(struct versions **vp);

/* The catalogue of a version; stays the callee's, until some others were asked for. */
bool versions_catalogue(struct versions *v, uint32_t version, const struct catalogue **ret, struct err *err) MUST_CHECK;

/* 0: there is no such series. */
bool versions_series(struct versions *v, const char *indicator, const char *dimensions, int32_t *ret,
		     struct err *err) MUST_CHECK;

#endif
