/* SPDX-License-Identifier: Apache-2.0 */
#include "inequality.h"
#include "mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_KEPT   2000 /* of about a kilobyte and a half each */
#define NO_VARIABLE INEQUALITY_VARIABLES_MAX

struct rows {
	struct inequality *list;
	size_t n, room;
};

bool inequality_multiply(inequality_number a, inequality_number b, inequality_number *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

bool inequality_add(inequality_number a, inequality_number b, inequality_number *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

/* ---------------------------------------------------------------- one row */

static inequality_number greatest_divisor(inequality_number a, inequality_number b)
{
	while (b != 0) {
		inequality_number rest = a % b;

		a = b;
		b = rest;
	}
	return a < 0 ? -a : a;
}

/* Divides by what all its numbers have in common, so that they stay small. */
static void shorten(struct inequality *row)
{
	inequality_number common = row->bound;

	for (size_t i = 0; i < INEQUALITY_VARIABLES_MAX; i++) {
		common = greatest_divisor(common, row->coefficients[i]);
	}
	if (common <= 1) {
		return;
	}
	row->bound /= common;
	for (size_t i = 0; i < INEQUALITY_VARIABLES_MAX; i++) {
		row->coefficients[i] /= common;
	}
}

static bool has_variables(const struct inequality *row)
{
	for (size_t i = 0; i < INEQUALITY_VARIABLES_MAX; i++) {
		if (row->coefficients[i] != 0) {
			return true;
		}
	}
	return false;
}

static size_t count_origins(const struct inequality *row)
{
	size_t n = 0;

	for (size_t i = 0; i < INEQUALITY_ROWS_MAX / 64; i++) {
		n += (size_t)__builtin_popcountll(row->from[i]);
	}
	return n;
}

/* a * times_a + b * times_b, one number of it. */
static bool mix(inequality_number a, inequality_number times_a, inequality_number b, inequality_number times_b,
		inequality_number *ret)
{
	inequality_number x, y;

	return inequality_multiply(a, times_a, &x) && inequality_multiply(b, times_b, &y) && inequality_add(x, y, ret);
}

/* What follows from a, where the variable has a coefficient above 0, and b, where it is below: without the variable. */
static bool combine(const struct inequality *a, const struct inequality *b, size_t variable, struct inequality *ret)
{
	inequality_number times_a = -b->coefficients[variable], times_b = a->coefficients[variable];

	if (!mix(a->bound, times_a, b->bound, times_b, &ret->bound)) {
		return false;
	}
	for (size_t i = 0; i < INEQUALITY_VARIABLES_MAX; i++) {
		if (!mix(a->coefficients[i], times_a, b->coefficients[i], times_b, &ret->coefficients[i])) {
			return false;
		}
	}
	for (size_t i = 0; i < INEQUALITY_ROWS_MAX / 64; i++) {
		ret->from[i] = a->from[i] | b->from[i];
	}
	shorten(ret);
	return true;
}

/* ---------------------------------------------------------------- elimination */

static bool add_row(struct rows *rows, const struct inequality *row)
{
	if (rows->n == ROWS_KEPT) {
		return false;
	}
	if (rows->n == rows->room) {
		rows->room = rows->room ? 2 * rows->room : 64;
		rows->list = xreallocarray(rows->list, rows->room, sizeof *rows->list);
	}
	rows->list[rows->n++] = *row;
	return true;
}

/* The variable that makes the fewest new rows. */
static size_t next_variable(const struct rows *rows)
{
	size_t best = NO_VARIABLE, best_cost = SIZE_MAX;

	for (size_t v = 0; v < INEQUALITY_VARIABLES_MAX; v++) {
		size_t above = 0, below = 0;

		for (size_t i = 0; i < rows->n; i++) {
			above += rows->list[i].coefficients[v] > 0;
			below += rows->list[i].coefficients[v] < 0;
		}
		if (above + below > 0 && above * below < best_cost) {
			best = v;
			best_cost = above * below;
		}
	}
	return best;
}

/*
 * One pair's row into those that are left. Chernikov: after k eliminations, what follows from more than k + 1 given rows
 * follows from others too.
 */
static enum inequality_answer add_combined(const struct inequality *a, const struct inequality *b, size_t variable,
					   size_t eliminated, struct rows *left)
{
	struct inequality row;

	if (!combine(a, b, variable, &row)) {
		return INEQUALITY_UNKNOWN;
	}
	if (!has_variables(&row)) {
		return row.bound < 0 ? INEQUALITY_IMPOSSIBLE : INEQUALITY_POSSIBLE;
	}
	if (count_origins(&row) > eliminated + 1) {
		return INEQUALITY_POSSIBLE;
	}
	return add_row(left, &row) ? INEQUALITY_POSSIBLE : INEQUALITY_UNKNOWN;
}

static enum inequality_answer eliminate(const struct rows *rows, size_t variable, size_t eliminated, struct rows *left)
{
	enum inequality_answer answer = INEQUALITY_POSSIBLE;

	for (size_t i = 0; i < rows->n && answer == INEQUALITY_POSSIBLE; i++) {
		const struct inequality *a = &rows->list[i];

		if (a->coefficients[variable] == 0 && !add_row(left, a)) {
			return INEQUALITY_UNKNOWN;
		}
		for (size_t k = 0; a->coefficients[variable] > 0 && k < rows->n && answer == INEQUALITY_POSSIBLE; k++) {
			if (rows->list[k].coefficients[variable] < 0) {
				answer = add_combined(a, &rows->list[k], variable, eliminated, left);
			}
		}
	}
	return answer;
}

/* The given rows, each known as its own origin. */
static enum inequality_answer start(const struct inequality *given, size_t n, struct rows *rows)
{
	for (size_t i = 0; i < n; i++) {
		struct inequality row = given[i];

		memset(row.from, 0, sizeof row.from);
		row.from[i / 64] = UINT64_C(1) << i % 64;
		shorten(&row);
		if (!has_variables(&row)) {
			if (row.bound < 0) {
				return INEQUALITY_IMPOSSIBLE;
			}
		} else if (!add_row(rows, &row)) {
			return INEQUALITY_UNKNOWN;
		}
	}
	return INEQUALITY_POSSIBLE;
}

enum inequality_answer inequality_solve(const struct inequality *given, size_t n)
{
	struct rows rows = {0};
	enum inequality_answer answer;
	size_t eliminated = 0, variable;

	assert(n <= INEQUALITY_ROWS_MAX);
	answer = start(given, n, &rows);
	while (answer == INEQUALITY_POSSIBLE && (variable = next_variable(&rows)) != NO_VARIABLE) {
		struct rows left = {0};

		answer = eliminate(&rows, variable, ++eliminated, &left);
		free(rows.list);
		rows = left;
	}
	free(rows.list);
	return answer;
}
