/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problem - why a request is not answered with figures, as a person and a program read it (RFC 9457), in both languages.
 *
 * The table is problem.def. What a request said is cut and cleaned before it is shown. Any thread.
 */
#ifndef TRAM_PROBLEM_H
#define TRAM_PROBLEM_H

#include "body.h"

#include <stdbool.h>

enum problem_id {
	PROBLEM_NONE,
#define PROBLEM(id, ...) PROBLEM_##id,
#include "problem.def"
#undef PROBLEM
	PROBLEM_KINDS
};

#define PROBLEM_TEXT 512

struct problem {
	enum problem_id id; /* PROBLEM_NONE: there is none */
	char parameter[64], value[PROBLEM_TEXT], more[PROBLEM_TEXT];
};

/* Fills it; texts may be NULL, and any bytes. Returns false, so that callers can `return problem_set(...)`. */
bool problem_set(struct problem *p, enum problem_id id, const char *parameter, const char *value, const char *more);

unsigned problem_status(const struct problem *p);

/* Its JSON. */
void problem_write(const struct problem *p, bool in_vietnamese, struct body *to);

#define PROBLEM_MEDIA_TYPE "application/problem+json"

#endif
