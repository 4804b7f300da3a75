/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as SDMX-CSV. */
#include "file.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_file(READER_SDMX_CSV, data, size);
	return 0;
}
