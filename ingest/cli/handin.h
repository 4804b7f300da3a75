/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handin - a file from its first byte to its ticket: read, checked, bound into reports, handed to the agent.
 *
 * Nothing is handed in when anything is wrong. Memory is bounded, whatever the size of the file. One thread.
 */
#ifndef TRAM_HANDIN_H
#define TRAM_HANDIN_H

#include "check.h"
#include "problems.h"

#include <jansson.h>

enum handin_what {
	HANDIN_SUBMIT, /* into the outbox */
	HANDIN_JUDGE,  /* to the centre, which says what it would say and keeps nothing */
};

struct handin {
	/* what is asked */
	enum handin_what what;
	const char *path;          /* NULL: no file, the record below */
	enum reader_format format; /* READER_FORMATS: by the file's name */
	const char *socket;
	struct check_options check;
	struct reader_options reader;
	const struct record *records; /* without a file */
	size_t n_records;
	bool is_json; /* verdicts are gathered instead of printed, problems not printed */

	/* what came of it */
	struct problems *problems;
	uint64_t rows, reports, observations;
	char *ticket;
	char *not_sent;   /* the cause (cause.def) why the agent sends nothing now; NULL: it does */
	json_t *verdicts; /* of HANDIN_JUDGE, when is_json */
	bool all_accepted;
	bool unchecked_codes; /* the agent had no codebook */
};

/*
 * False and *err when it did not come to an end; ERR_DATA with an empty text: problems were found (and told). Either
 * way the caller ends with handin_done().
 */
bool handin_run(struct handin *h, struct err *err) MUST_CHECK;
void handin_done(struct handin *h);

#endif
