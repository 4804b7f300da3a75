/* SPDX-License-Identifier: Apache-2.0 */
/*
 * book - the codes a province may use, as its agent last had them from the centre.
 *
 * A book that is not known (the agent has none yet) has no codes, and nothing can be checked against it. Read only
 * after book_new(); any thread.
 */
#ifndef TRAM_BOOK_H
#define TRAM_BOOK_H

#include "tram.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct book;

/* Takes the codebook over, NULL for none; caller frees with book_free(). */
struct book *book_new(Tram__V1__Codebook *codebook);
void book_free(struct book **bp);

bool book_is_known(const struct book *b);
uint32_t book_version(const struct book *b);

/* NULL when there is none. All of these live as long as the book. */
const Tram__V1__CodebookDataflow *book_dataflow(const struct book *b, const char *code);
const Tram__V1__CodebookIndicator *book_indicator(const struct book *b, const char *code);
const Tram__V1__CodebookProvider *book_provider(const struct book *b, const char *code);

/* The provider when the agent acts for exactly one, else NULL. */
const Tram__V1__CodebookProvider *book_only_provider(const struct book *b);

bool book_may_report(const Tram__V1__CodebookProvider *provider, const char *dataflow);

/* What a stated area is on a day. */
enum book_area {
	BOOK_AREA_FINE,
	BOOK_AREA_UNKNOWN,
	BOOK_AREA_NOT_VALID,  /* there is such an area, not on that day: *ret_is */
	BOOK_AREA_RENUMBERED, /* the code is *ret_is on that day, and was *ret_other, for which the provider reports */
	BOOK_AREA_FOREIGN,    /* it is *ret_is, for which the provider does not report */
};
/* stated: "63/46", "46" or "VN". provider: NULL when it is not known, then none is foreign. */
enum book_area book_area(const struct book *b, const Tram__V1__CodebookProvider *provider, const char *stated,
			 int32_t date, const Tram__V1__CodebookArea **ret_is, const Tram__V1__CodebookArea **ret_other);

/*
 * From when to when the area was there, over all its entries: a change of name or of rank begins a new one. The texts
 * are the codebook's; "" where it has no first or no last day.
 */
void book_area_span(const struct book *b, const Tram__V1__CodebookArea *area, const char **ret_from,
		    const char **ret_to);

/* The name of an area in the process's language. */
const char *book_area_name(const Tram__V1__CodebookArea *area);

/* The code most like a wrong one (of an area: also by its name), or NULL. */
const char *book_nearest_dataflow(const struct book *b, const char *code);
const char *book_nearest_indicator(const struct book *b, const char *code);
const char *book_nearest_provider(const struct book *b, const char *code);
const char *book_nearest_area(const struct book *b, const char *code);

/* Lists for people, "a, b, c", cut to size with "…". Return buf. */
char *book_list_providers(const struct book *b, char *buf, size_t size);
char *book_list_dataflows(const struct book *b, char *buf, size_t size);
char *book_list(char *const *texts, size_t n, char *buf, size_t size);

#endif
