/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_rollup_changes - tram rollup --changes: what moved since a moment, and through whom. */
#ifndef TRAM_CMD_ROLLUP_CHANGES_H
#define TRAM_CMD_ROLLUP_CHANGES_H

#include "store_changes.h"
#include "table.h"

/*
 * Shows what moved since a time, or since a cursor, of the question's indicator, period, level and boundary. False and *err
 * when that is neither, or the store does not say.
 */
bool rollup_changes(struct store *s, const struct rollup_question *q, const char *since, enum table_format format,
		    struct err *err) MUST_CHECK;

#endif
