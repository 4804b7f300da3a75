/* SPDX-License-Identifier: Apache-2.0 */
/* verify_figure - tram verify --proof of a figure: read, worked out again, and told. For cmd_verify only. */
#ifndef TRAM_VERIFY_FIGURE_H
#define TRAM_VERIFY_FIGURE_H

#include "input.h"
#include "keys.h"
#include "table.h"

/* Whether a file that begins so is a figure's proof. */
bool verify_figure_is(struct input *in);

/* Checks it with these keys and says on stdout what is proven and what is not. */
bool verify_figure(struct input *in, const char *path, const struct keys *keys, size_t n, enum table_format format,
		   struct err *err) MUST_CHECK;

#endif
