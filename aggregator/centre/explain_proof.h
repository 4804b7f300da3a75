/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_proof - the proof of a figure (PROTOCOL.md, "Proof of a figure"): the explanation as the centre's signed statement, and
 * the batches behind it as they are stored. What was written is checked by the very reader that `tram verify --proof` has,
 * before the file is there. One batch is in memory at a time.
 */
#ifndef TRAM_EXPLAIN_PROOF_H
#define TRAM_EXPLAIN_PROOF_H

#include "centre.h"
#include "explanation.h"

/* s: the connection, as tram_auditor, in the explanation's snapshot. key_file NULL: that of the settings; path: "-" is stdout. */
bool explain_prove(struct store *s, const struct explanation *e, const struct centre_options *options,
		   const char *key_file, const char *path, struct err *err) MUST_CHECK;

#endif
