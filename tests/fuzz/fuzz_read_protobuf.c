/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as serialized reports. */
#include "file.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_file(READER_PROTOBUF, data, size);
	return 0;
}
