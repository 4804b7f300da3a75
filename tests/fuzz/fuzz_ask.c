/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"
#include "fuzz.h"

#include <jansson.h>
#include <string.h>

#define PAIRS_MAX 40
#define TAG       "\"0123456789abcdef\""

/* The next piece of the input up to a byte, as a text of its own; NULL when there is none. */
static char *piece(const uint8_t **data, size_t *size, char end, size_t *ret_len)
{
	const uint8_t *at = *size ? memchr(*data, end, *size) : NULL;
	size_t len = at ? (size_t)(at - *data) : *size, whole = at ? len + 1 : len;
	char *text = *size ? malloc(len + 1) : NULL;
	if (text) {
		memcpy(text, *data, len);
		text[len] = '\0';
	}
	*data += whole;
	*size -= whole;
	*ret_len = len;
	return text;
}

static void problem_is_whole(const struct problem *problem)
{
	struct body_budget budget = {.most = 1 << 20, .whole = 16 << 10};
	for (int vi = 0; vi < 2; vi++) {
		struct body *b = body_new(&budget);
		problem_write(problem, vi, b);
		MUST(body_state(b) == BODY_FINE);
		json_t *j = json_loadb(body_bytes(b), body_len(b), JSON_REJECT_DUPLICATES, NULL);
		MUST(j && (unsigned)json_integer_value(json_object_get(j, "status")) == problem_status(problem));
		MUST(*json_string_value(json_object_get(j, "detail")) &&
		     *json_string_value(json_object_get(j, "remedy")));
		json_decref(j);
		body_unref(&b);
	}
	MUST(budget.held == 0);
}

/* What was read is written in one way: read again it is the same. */
static void reads_the_same(const struct ask_request *request, const struct ask *a)
{
	struct ask again;
	struct problem problem = {.id = PROBLEM_NONE};
	char *key = ask_key(a), *same;
	MUST(ask_read(request, &again, &problem));
	same = ask_key(&again);
	MUST(strcmp(key, same) == 0 && strlen(key) < 4096);
	MUST(ask_time(a, PARAM_AS_OF, -1) == ask_time(&again, PARAM_AS_OF, -1));
	free(key);
	free(same);
}

static void headers_are_safe(const char *text)
{
	char with[600];
	(void)ask_host_is_ours(text, "tram.example figures");
	(void)ask_address_is_sound(text);
	(void)ask_matches(text, TAG);
	if (strlen(text) < 500 && !strchr(text, '"') && snprintf(with, sizeof(with), "%s, " TAG, text) > 0)
		MUST(ask_matches(with, TAG));
}

/* Lines: Accept, Accept-Language, a header of another kind, the path; then name=value& as often as it goes on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ask_pair pairs[PAIRS_MAX];
	char *texts[PAIRS_MAX], *head[4];
	size_t n = 0, len;
	for (int i = 0; i < 4; i++)
		head[i] = piece(&data, &size, '\n', &len);
	while (n < PAIRS_MAX && (texts[n] = piece(&data, &size, '&', &len))) {
		char *value = memchr(texts[n], '=', len);
		pairs[n] = (struct ask_pair){.name = texts[n], .name_len = len};
		if (value) {
			*value = '\0';
			pairs[n].name_len = (size_t)(value - texts[n]);
			pairs[n].value = value + 1;
			pairs[n].value_len = len - pairs[n].name_len - 1;
		}
		n++;
	}
	const struct ask_request request = {.path = head[3] ? head[3] : "",
					    .pairs = pairs,
					    .n_pairs = n,
					    .accept = head[0],
					    .accept_language = head[1],
					    .vi_unless_told = true};
	struct ask a;
	struct problem problem = {.id = PROBLEM_NONE};
	if (ask_read(&request, &a, &problem)) {
		MUST(problem.id == PROBLEM_NONE);
		reads_the_same(&request, &a);
	} else {
		MUST(problem.id != PROBLEM_NONE);
		problem_is_whole(&problem);
	}
	if (head[2])
		headers_are_safe(head[2]);
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	for (int i = 0; i < 4; i++)
		free(head[i]);
	return 0;
}
