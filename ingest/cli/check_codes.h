/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_codes - the codes of a record against the codebook. Where the book is not known, everything passes. Part of
 * check.h; one thread.
 */
#ifndef TRAM_CHECK_CODES_H
#define TRAM_CHECK_CODES_H

#include "book.h"
#include "reader.h"

/* What the codes in the head of a report stand for; NULL where unknown. */
struct head_codes {
	const Tram__V1__CodebookProvider *provider;
	const Tram__V1__CodebookDataflow *dataflow;
	bool has_date; /* the reference date is one on which an area can be looked up */
};

/* Provider, dataflow and frequency. cells: what the head was made of. False when one is wrong. */
bool check_head_codes(const struct book *book, struct problems *problems, const struct record *record,
		      const struct cell cells[static FIELD_COUNT], const Tram__V1__Report *head,
		      struct head_codes *ret);

/* Indicator, area, unit, whole numbers, and SDMX's own FREQ. */
bool check_observation_codes(const struct book *book, struct problems *problems, const struct record *record,
			     const Tram__V1__Report *head, const struct head_codes *codes,
			     const Tram__V1__Observation *observation);

#endif
