/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - what a request asks: its path, its parameters and the headers that choose how it is answered, read strictly.
 *
 * The tables are route.def, param.def and kind.def. A parameter that is unknown, stands twice or says what it may not say is a
 * problem that names it: nothing is guessed. What is read points into the request and lives as long as that. Pure; any thread.
 */
#ifndef TRAM_ASK_H
#define TRAM_ASK_H

#include "export.h"
#include "problem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ask_route {
#define ROUTE(id, ...) ROUTE_##id,
#include "route.def"
#undef ROUTE
	ROUTE_KINDS
};
enum ask_param {
#define PARAM(id, ...) PARAM_##id,
#include "param.def"
#undef PARAM
	PARAM_KINDS
};
enum ask_needs { NOBODY, STORE, STEADY };

/* A piece of the address, unescaped. value NULL: a name without "=". */
struct ask_pair {
	const char *name, *value;
	size_t name_len, value_len;
};
#define ASK_CODE_MAX 64

struct ask_request {
	const char *path;
	const struct ask_pair *pairs;
	size_t n_pairs;
	const char *accept, *accept_language; /* headers; NULL: none */
	bool vi_unless_told;
};

struct ask {
	enum ask_route route;
	enum export_format format;
	bool in_vietnamese;
	const char *given[PARAM_KINDS];   /* NULL: not */
	char indicator[ASK_CODE_MAX + 2]; /* of the path; given points to it, so it is not copied */
};

/* False and *problem when there is no such question; *ret then has what language to say so in. */
bool ask_read(const struct ask_request *request, struct ask *ret, struct problem *problem);

/* Of a parameter that says nothing it may say: *problem with what it may. Returns false. */
bool ask_wrong(enum ask_param id, const char *value, bool in_vietnamese, struct problem *problem);

enum ask_needs ask_needs(const struct ask *a);

/* A time or day among the parameters; otherwise when it is not given. */
int64_t ask_time(const struct ask *a, enum ask_param id, int64_t otherwise);

/* Whether it asks for what was known at a moment, or since one; and whether these have come by now, else *problem. */
bool ask_names_moment(const struct ask *a);
bool ask_has_come(const struct ask *a, int64_t now_us, struct problem *problem);

/* The question in one way of writing: two that are the same have the same; caller frees. */
char *ask_key(const struct ask *a);

/* Reads an If-None-Match: whether the tag (with its quotes) is one of those listed, or "*" stands there. */
bool ask_matches(const char *if_none_match, const char *tag);

/* Whether an address as it was sent has nothing that its unescaped form would hide: a byte 0, or a lone "%". */
bool ask_address_is_sound(const char *address);

/* Whether a header Host is an address, localhost, or one of names (spaces between), with or without a port. */
bool ask_host_is_ours(const char *host, const char *names);

#endif
