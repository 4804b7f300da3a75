/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input - a file's bytes, a chunk at a time, with a look at its beginning. One thread.
 */
#ifndef TRAM_INPUT_H
#define TRAM_INPUT_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define INPUT_CHUNK 65536

struct input;

/* Opens path, "-" is standard input. NULL and *err (ERR_NOINPUT) on failure. Caller closes with input_close(). */
struct input *input_open(const char *path, struct err *err) MUST_CHECK;

/* Bytes in memory instead of a file; they must outlive the input. For tests and fuzzers. */
struct input *input_of_bytes(const void *data, size_t len);
void input_close(struct input **ip);

/* The first bytes, up to INPUT_CHUNK, without taking them; fewer only when the file is shorter or cannot be read. */
size_t input_peek(struct input *in, const uint8_t **ret);

/* The next bytes, at most max and INPUT_CHUNK, valid until the next call; 0 at the end or when input_failed(). */
size_t input_take(struct input *in, size_t max, const uint8_t **ret);

/* Whether reading failed, and then *err (ERR_IO). */
bool input_failed(const struct input *in, struct err *err);

/* For progress: bytes taken, and the file's size (0: not known). */
uint64_t input_taken(const struct input *in);
uint64_t input_size(const struct input *in);

#endif
