/* SPDX-License-Identifier: Apache-2.0 */
#include "wrap.h"

#include "mem.h"
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int columns_of(const char *word, size_t len)
{
	char *copy = xstrndup(word, len);
	int columns = (int)text_columns(copy);

	free(copy);
	return columns;
}

/* Line ends before the next word; *text is moved on to it. */
static int pass_blanks(const char **text)
{
	int ends = 0;

	for (; **text == ' ' || **text == '\n'; ++*text)
		ends += **text == '\n';
	return ends;
}

void wrap_print(FILE *out, const char *text, int column)
{
	int at = column, ends = 0;

	(void)pass_blanks(&text);
	while (*text) {
		size_t len = strcspn(text, " \n");
		int columns = columns_of(text, len);
		bool fits = at == column || at + 1 + columns <= WRAP_COLUMNS;

		if (ends > 1 || !fits)
			fprintf(out, "%s%*s", ends > 1 ? "\n\n" : "\n", column, "");
		else if (at > column)
			fputc(' ', out);
		at = (ends > 1 || !fits ? column : at + (at > column)) + columns;
		fprintf(out, "%.*s", (int)len, text);
		text += len;
		ends = pass_blanks(&text);
	}
	fputc('\n', out);
}
