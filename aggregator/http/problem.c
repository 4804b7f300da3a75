/* SPDX-License-Identifier: Apache-2.0 */
#include "problem.h"

#include "text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define TYPE "urn:tram:problem:"

static const struct kind {
	const char *type;
	unsigned status;
	struct {
		const char *title, *detail, *remedy;
	} en, vi;
} kinds[PROBLEM_KINDS] = {
#define PROBLEM(id, type, status, title_en, title_vi, detail_en, detail_vi, remedy_en, remedy_vi)                      \
	[PROBLEM_##id] = {TYPE type, status, {title_en, detail_en, remedy_en}, {title_vi, detail_vi, remedy_vi}},
#include "problem.def"
#undef PROBLEM
};

/* At most size - 1 bytes of whole characters, "?" for what is none. */
static void clean(const char *text, char *to, size_t size)
{
	size_t len = text ? strlen(text) : 0, n = 0;
	for (size_t i = 0, one; i < len; i += one ? one : 1) {
		one = text_character(text + i, len - i);
		size_t room = one ? one : 1;
		if (n + room >= size) {
			break;
		}
		bool shown = one > 1 || (one == 1 && (unsigned char)text[i] >= ' ' && text[i] != 0x7f);
		if (shown) {
			memcpy(to + n, text + i, one);
		} else {
			to[n] = '?';
		}
		n += shown ? one : 1;
	}
	to[n] = '\0';
}

bool problem_set(struct problem *p, enum problem_id id, const char *parameter, const char *value, const char *more)
{
	p->id = id;
	clean(parameter, p->parameter, sizeof(p->parameter));
	clean(value, p->value, sizeof(p->value));
	clean(more, p->more, sizeof(p->more));
	return false;
}

unsigned problem_status(const struct problem *p)
{
	return kinds[p->id].status;
}

/* {p}, {v} and {x} filled in. */
static void fill(const struct problem *p, const char *text, char to[static 2 * PROBLEM_TEXT])
{
	FILE *out = fmemopen(to, 2 * PROBLEM_TEXT, "w");
	for (; out && *text; text++) {
		bool slot = text[0] == '{' && text[1] && text[2] == '}';
		const char *with = !slot ? NULL : text[1] == 'p' ? p->parameter : text[1] == 'v' ? p->value : p->more;
		if (with) {
			fputs(with, out);
		} else {
			fputc(*text, out);
		}
		text += slot ? 2 : 0;
	}
	if (out) {
		fclose(out);
	}
}

void problem_write(const struct problem *p, bool in_vietnamese, struct body *to)
{
	const struct kind *k = &kinds[p->id];
	char detail[2 * PROBLEM_TEXT] = "", remedy[2 * PROBLEM_TEXT] = "";
	fill(p, in_vietnamese ? k->vi.detail : k->en.detail, detail);
	fill(p, in_vietnamese ? k->vi.remedy : k->en.remedy, remedy);
	json_t *j =
	    json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", k->type, "title", in_vietnamese ? k->vi.title : k->en.title,
		      "status", (int)k->status, "detail", detail, "remedy", remedy);
	if (p->parameter[0]) {
		json_object_set_new(j, "parameter", json_string(p->parameter));
	}
	char *text = json_dumps(j, JSON_INDENT(2));
	body_text(to, text);
	body_text(to, "\n");
	free(text);
	json_decref(j);
}
