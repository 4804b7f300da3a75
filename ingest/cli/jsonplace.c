/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonplace.h"

#include <string.h>

static char here(const struct jsonplace *p)
{
	return p->at < p->end ? *p->at : 0;
}

static void step(struct jsonplace *p)
{
	if (p->at == p->end)
		return;
	if (*p->at == '\n') {
		p->line++;
		p->column = 1;
	} else if (((unsigned char)*p->at & 0xC0) != 0x80) {
		p->column++;
	}
	p->at++;
}

static void skip_space(struct jsonplace *p)
{
	while (here(p) == ' ' || here(p) == '\t' || here(p) == '\n' || here(p) == '\r')
		step(p);
}

static void skip_string(struct jsonplace *p)
{
	step(p);
	while (here(p) && here(p) != '"') {
		if (here(p) == '\\')
			step(p);
		step(p);
	}
	step(p);
}

static void skip_value(struct jsonplace *p)
{
	size_t depth = 0;

	do {
		char c = here(p);

		if (c == '"') {
			skip_string(p);
		} else {
			depth += c == '{' || c == '[';
			depth -= (c == '}' || c == ']') && depth > 0;
			step(p);
		}
		/* A number or a word ends where something else begins. */
	} while (p->at < p->end && (depth > 0 || !strchr(",]} \t\r\n", here(p))));
}

struct jsonplace jsonplace_of(const char *text, size_t len, uint64_t line, uint32_t column)
{
	struct jsonplace p = {text, text + len, line, column};

	skip_space(&p);
	return p;
}

static bool is_name(const struct jsonplace *p, const char *name)
{
	size_t n = strlen(name);

	return (size_t)(p->end - p->at) >= n + 2 && memcmp(p->at + 1, name, n) == 0 && p->at[n + 1] == '"';
}

bool jsonplace_member(struct jsonplace *p, const char *name, const char *other_name)
{
	struct jsonplace q = *p;

	if (here(&q) != '{')
		return false;
	do {
		bool found;

		step(&q);
		skip_space(&q);
		if (here(&q) != '"')
			return false;
		found = is_name(&q, name) || is_name(&q, other_name);
		skip_string(&q);
		skip_space(&q);
		step(&q); /* the colon */
		skip_space(&q);
		if (found) {
			*p = q;
			return true;
		}
		skip_value(&q);
		skip_space(&q);
	} while (here(&q) == ',');
	return false;
}

bool jsonplace_next(struct jsonplace *p)
{
	struct jsonplace q = *p;

	skip_value(&q);
	skip_space(&q);
	if (here(&q) != ',')
		return false;
	step(&q);
	skip_space(&q);
	*p = q;
	return true;
}

bool jsonplace_element(struct jsonplace *p, size_t i)
{
	struct jsonplace q = *p;

	if (here(&q) != '[')
		return false;
	step(&q);
	skip_space(&q);
	if (here(&q) == ']')
		return false;
	while (i-- > 0)
		if (!jsonplace_next(&q))
			return false;
	*p = q;
	return true;
}
