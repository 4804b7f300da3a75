/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"
#include "fuzz.h"

#include <string.h>

static void check_mended(const char *s, size_t size, enum text_fault fault)
{
	char *mended = text_mend(s, size), *again;
	enum text_fault left;
	size_t len;

	MUST((mended == NULL) == (fault == TEXT_NOT_UTF8 || fault == TEXT_NUL || memchr(s, 0, size)));
	if (!mended) {
		return;
	}
	len = strlen(mended);
	left = text_check(mended, len, NULL);
	MUST(left == TEXT_FINE || left == TEXT_CONTROL); /* what can be mended is mended */
	again = text_mend(mended, len);
	MUST(again && strcmp(again, mended) == 0);
	MUST(fault != TEXT_FINE || (len == size && memcmp(mended, s, size) == 0));
	free(again);
	free(mended);
}

static void check_hex(const char *s, size_t size)
{
	char *hex = malloc(2 * size + 1), *back = malloc(size ? size : 1), *text = malloc(size + 1);

	MUST(text_unhex(text_hex(s, size, hex), back, size) && memcmp(back, s, size) == 0);
	memcpy(text, s, size);
	text[size] = 0;
	text_unhex(text, back, size / 2);
	MUST(text_columns(text) <= 2 * size);
	MUST(text_distance(text, hex) <= TEXT_DISTANCE_MAX);
	free(text);
	free(back);
	free(hex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	size_t at = 0;
	enum text_fault fault = text_check(s, size, &at);

	MUST(fault == TEXT_FINE || at < size);
	check_mended(s, size, fault);
	check_hex(s, size);
	return 0;
}
