/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"
#include "text.h"
#include "fuzz.h"

#include <jansson.h>
#include <string.h>

/* Cells are the pieces between zero bytes. */
static char *show(enum table_format format, const uint8_t *data, size_t size, size_t *ret_len)
{
	char *text = NULL, cell[1000];
	FILE *out = open_memstream(&text, ret_len);
	struct table *t = table_new(format, out);
	size_t n = 0;

	table_column(t, "a", "Một", TABLE_LEFT);
	table_column(t, "b", "Hai", TABLE_RIGHT);
	for (size_t at = 0; at < size || n % 2; n++) {
		size_t len = at < size ? strnlen((const char *)data + at, size - at) : 0;

		snprintf(cell, sizeof cell, "%.*s", (int)len, at < size ? (const char *)data + at : "");
		at += len + 1;
		if (n % 2) {
			table_cell_number(t, cell);
		} else {
			table_cell_coloured(t, "red", len ? cell : NULL);
		}
	}
	table_end(t);
	table_free(&t);
	fclose(out);
	return text;
}

/* Whatever the cells hold: JSON is JSON, and no control character reaches a terminal. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;
	char *text = show(TABLE_JSON, data, size, &len);
	json_t *json = json_loadb(text, len, JSON_DECODE_INT_AS_REAL, NULL);
	enum text_fault fault;

	MUST(json_is_array(json) || strpbrk(text, "0123456789")); /* a number may be beyond what jansson holds */
	json_decref(json);
	free(text);
	text = show(TABLE_TEXT, data, size, &len);
	fault = text_check(text, len, NULL);
	MUST(fault == TEXT_FINE || fault > TEXT_CONTROL);
	free(text);
	text = show(TABLE_CSV, data, size, &len);
	MUST(len > 0 && text_check(text, len, NULL) != TEXT_NOT_UTF8);
	free(text);
	return 0;
}
