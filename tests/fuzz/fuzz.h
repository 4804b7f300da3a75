/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz - what the fuzzers share. */
#ifndef TRAM_FUZZ_H
#define TRAM_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert(), whatever the build. */
#define EXPECT(condition)                                                                                              \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

#endif
