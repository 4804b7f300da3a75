/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inequality - can a set of linear inequalities hold at once? Decided by Fourier and Motzkin's elimination in whole numbers
 * of 128 bits, exactly; when numbers or rows grow beyond what is kept, it says that it does not know.
 *
 * At most INEQUALITY_VARIABLES_MAX variables and INEQUALITY_ROWS_MAX given rows. One thread.
 */
#ifndef TRAM_INEQUALITY_H
#define TRAM_INEQUALITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INEQUALITY_VARIABLES_MAX 64
#define INEQUALITY_ROWS_MAX      256

__extension__ typedef __int128 inequality_number;

/* coefficients · variables <= bound */
struct inequality {
	inequality_number coefficients[INEQUALITY_VARIABLES_MAX];
	inequality_number bound;
	uint64_t from[INEQUALITY_ROWS_MAX / 64]; /* the given rows that it follows from; filled by inequality_solve() */
};

enum inequality_answer { INEQUALITY_POSSIBLE, INEQUALITY_IMPOSSIBLE, INEQUALITY_UNKNOWN };

/* Whether the n rows can all hold. */
enum inequality_answer inequality_solve(const struct inequality *rows, size_t n);

/* a * b and a + b; false when there is no room. */
bool inequality_multiply(inequality_number a, inequality_number b, inequality_number *ret);
bool inequality_add(inequality_number a, inequality_number b, inequality_number *ret);

#endif
