/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jsonplace - where in a JSON text a value stands. A JSON library says what a text holds, not where: when something is
 * found wrong, this walks the text, which that library has read as sound already. Pure; any thread.
 */
#ifndef TRAM_JSONPLACE_H
#define TRAM_JSONPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsonplace {
	const char *at, *end; /* the value here, and the end of the text */
	uint64_t line;
	uint32_t column;
};

/* The value that text begins with, behind white space; line and column: where text stands. */
struct jsonplace jsonplace_of(const char *text, size_t len, uint64_t line, uint32_t column);

/* Goes from an object to the value of a member that has either name. False, and *p as it was, when there is none. */
bool jsonplace_member(struct jsonplace *p, const char *name, const char *other_name);

/* Goes from an array to its element i. False, and *p as it was, when there is none. */
bool jsonplace_element(struct jsonplace *p, size_t i);

/* From one element of an array to the next. False, and *p as it was, at the last. */
bool jsonplace_next(struct jsonplace *p);

#endif
