/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problems - what is wrong with a file: every problem, each with its place and its remedy, in the process's language.
 *
 * All are counted; the first PROBLEMS_KEPT are kept and, as people read them, printed as they are found. One thread.
 */
#ifndef TRAM_PROBLEMS_H
#define TRAM_PROBLEMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PROBLEMS_KEPT     1000
#define PROBLEM_FOUND_MAX 60  /* characters of what was found that are shown */
#define PROBLEM_HINT_MAX  400 /* and of the other words */

enum problem_severity { PROBLEM_SEVERITY_WARNING, PROBLEM_SEVERITY_ERROR };

enum problem_kind {
#define PROBLEM(id, code, severity, en, vi, remedy_en, remedy_vi) PROBLEM_##id,
#include "problems.def"
#undef PROBLEM
	PROBLEM_COUNT
};

struct problem_text {
	const char *code; /* stable: for programs */
	enum problem_severity severity;
	const char *en, *vi, *remedy_en, *remedy_vi;
};
extern const struct problem_text problem_texts[PROBLEM_COUNT];

/* Where something stands. What does not apply is 0 or NULL. */
struct place {
	uint64_t line;                /* from 1 */
	uint32_t column;              /* characters, from 1 */
	uint64_t report, observation; /* from 1: for files without lines */
	const char *option;           /* on the command line: "--period" */
};

/* What fills the texts. found need not end in a NUL nor be UTF-8; NULL or "" where there is none. */
struct problem_words {
	const char *field;
	const char *found;
	size_t found_len; /* 0: found ends in a NUL */
	const char *hint, *other;
};

struct problems;

/* file: its name as people know it. live: where to print at once, NULL: nowhere. Caller frees with problems_free(). */
struct problems *problems_new(const char *file, FILE *live);
void problems_free(struct problems **pp);

void problems_add(struct problems *p, enum problem_kind kind, struct place at, struct problem_words words);

uint64_t problems_errors(const struct problems *p);
uint64_t problems_warnings(const struct problems *p);
/* Whether no more are kept: then nobody will see where a further one is. */
bool problems_is_full(const struct problems *p);
/* How often a kind was met. */
uint64_t problems_of(const struct problems *p, enum problem_kind kind);

/* "12 errors and 1 warning; 3 were not shown"; prints nothing when there were none. */
void problems_sum_up(const struct problems *p, FILE *out);

/* Those kept as a JSON array of objects; caller gives it back with json_decref(). */
json_t *problems_json(const struct problems *p);

/* A template with its words filled in; caller frees. For tests, and for the printing above. */
char *problem_fill(const char *template, const struct problem_words *words);

#endif
