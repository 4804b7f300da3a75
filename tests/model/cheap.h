/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cheap - what takes the place of Ed25519 and zstd where a search runs a protocol core millions of times.
 *
 * A signature becomes a keyed mix of the very fields that the real one covers: whoever lacks the secret's public half, or
 * changes a field, does not match. Nothing is compressed. The linker puts these in the place of the real functions
 * (--wrap); cheap_off() brings the real ones back. BLAKE2b is always real.
 */
#ifndef TRAM_MODEL_CHEAP_H
#define TRAM_MODEL_CHEAP_H

#include <stdbool.h>

void cheap_set(bool cheap); /* true at the start */

#endif
