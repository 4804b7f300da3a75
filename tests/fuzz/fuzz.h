/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz - what every fuzzer has in common.
 *
 * A fuzzer is a function that takes any bytes, hands them to one parser and checks what must hold of the outcome: not
 * only that nothing crashes. MUST() stays in every build.
 */
#ifndef TRAM_FUZZ_H
#define TRAM_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition);                     \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

#endif
