/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "fuzz.h"

#include <string.h>

/* A time that was read is written and read again as the same; the edges of the calendar have five-digit years. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[64], written[CLOCK_TEXT], local[CLOCK_TEXT];
	int64_t us = 0, again = 0;

	if (size >= sizeof text) {
		return 0;
	}
	memcpy(text, data, size);
	text[size] = 0;
	if (clock_parse(text, &us)) {
		clock_text_vn(us, local);
		clock_text_rfc3339(us, written);
		MUST(strlen(written) != 27 || (clock_parse(written, &again) && again == us));
	}
	return 0;
}
