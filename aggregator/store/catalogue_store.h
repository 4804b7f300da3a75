/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalogue_store - parts of loading a catalogue that stand in files of their own. For catalogue_load.c only.
 */
#ifndef TRAM_CATALOGUE_STORE_H
#define TRAM_CATALOGUE_STORE_H

#include "catalogue.h"
#include "copy.h"

/* DATE_OPEN and DATE_ALWAYS are null. */
void copy_date_or_null(struct copy *c, int32_t day);

/* Rows of a table, into the COPY that has begun: words, rules and what they take from data. */
void put_words(struct store *s, const struct catalogue *c);
void put_rules(struct store *s, const struct catalogue *c);
void put_cross_rules(struct store *s, const struct catalogue *c);
void put_references(struct store *s, const struct catalogue *c);
void put_reference_rules(struct store *s, const struct catalogue *c);
void put_justifications(struct store *s, const struct catalogue *c);
void put_parameters(struct store *s, const struct catalogue *c);

/* The texts that the catalogue gives rules beside the program's, for tram.rule_text. */
enum store_result add_rule_texts(struct store *s, const struct catalogue *c, uint32_t version,
				 struct err *err) MUST_CHECK;

/*
 * STORE_BROKEN with ERR_DATA when the catalogue has dropped what stored figures, reports, findings or verdicts name; *err
 * says which. Before the tables are made anew.
 */
enum store_result check_use(struct store *s, const struct catalogue *c, struct err *err) MUST_CHECK;

#endif
