/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include "mem.h"
#include "moment.h"
#include "period.h"
#include "text.h"

#include <ctype.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CURSOR_LEN 19

#define P(id) (1u << PARAM_##id)
#define F(id) (1u << EXPORT_##id)

static const struct route {
	const char *path;
	unsigned params, formats;
	enum ask_needs needs;
} routes[ROUTE_KINDS] = {
#define ROUTE(id, path, params, formats, needs, help) {path, params, formats, needs},
#include "route.def"
#undef ROUTE
};

/* ---------------------------------------------------------------- what a value may be */

static bool is_code(const char *text)
{
	size_t len = strlen(text);
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("._-/", text[i])) {
			return false;
		}
	}
	return len > 0 && len <= ASK_CODE_MAX;
}

static bool is_period(const char *text)
{
	struct period p;
	return period_parse(text, &p);
}

static bool is_level(const char *text)
{
	return strcmp(text, "nation") == 0 || strcmp(text, "region") == 0 || strcmp(text, "province") == 0;
}

static bool is_day(const char *text)
{
	int32_t day;
	return date_parse(text, &day);
}

static bool is_boundary(const char *text)
{
	return strcmp(text, "63") == 0 || strcmp(text, "34") == 0 || is_day(text);
}

/* A "+" that was not escaped comes as a space: 08:00:00 07:00 can mean nothing else. */
static bool read_time(const char *text, int64_t *ret_us)
{
	char mended[CLOCK_TEXT];
	size_t len = strlen(text);
	if (len >= sizeof(mended)) {
		return false;
	}
	memcpy(mended, text, len + 1);
	if (len > 6 && mended[len - 6] == ' ') {
		mended[len - 6] = '+';
	}
	return moment_parse(mended, ret_us);
}

static bool is_time(const char *text)
{
	int64_t us;
	return read_time(text, &us);
}

/* Of changes: c and 18 digits, or where one begins. Whether the digits are right the store says. */
static bool is_cursor(const char *text)
{
	return (*text == 'c' && strlen(text) == CURSOR_LEN && strspn(text + 1, "0123456789abcdef") == CURSOR_LEN - 1) ||
	       is_time(text);
}

static bool is_flag(const char *text)
{
	return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static bool is_format(const char *text)
{
	enum export_format format;
	return export_format_named(text, &format);
}

enum kind_id {
#define KIND(id, ...) KIND_##id,
#include "kind.def"
#undef KIND
};
static const struct {
	bool (*check)(const char *text);
	const char *en, *vi;
} kinds[] = {
#define KIND(id, check, en, vi) {check, en, vi},
#include "kind.def"
#undef KIND
};

static const struct {
	const char *name;
	enum kind_id kind;
} params[PARAM_KINDS] = {
#define PARAM(id, name, kind, help) {name, KIND_##kind},
#include "param.def"
#undef PARAM
};

/* ---------------------------------------------------------------- what the headers choose */

/* The next element of a header's list, and its weight in thousandths; false at its end. */
static bool next_element(const char **list, const char **ret, size_t *ret_len, int *ret_weight)
{
	const char *p = *list + strspn(*list, " \t,");
	if (!*p) {
		return false;
	}
	size_t whole = strcspn(p, ","), name = strcspn(p, ",; \t");
	const char *q = memmem(p, whole, "q=", 2);
	*ret = p;
	*ret_len = name;
	*ret_weight = 1000;
	if (q && q[2] == '0') {
		*ret_weight = 0;
		for (int i = 4, worth = 100; worth && q[3] == '.' && isdigit((unsigned char)q[i]); i++, worth /= 10) {
			*ret_weight += (q[i] - '0') * worth;
		}
	}
	*list = p + whole;
	return true;
}

static bool is_language(const char *element, size_t len, const char *language)
{
	return len >= 2 && strncasecmp(element, language, 2) == 0 && (len == 2 || element[2] == '-');
}

/* Vietnamese or English, whichever is liked better; the first of two that are liked as much. */
static bool choose_vi(const char *accept_language, bool vi_unless_told)
{
	const char *element;
	size_t len;
	int weight, best = 0;
	bool vi = vi_unless_told;
	for (const char *list = accept_language ? accept_language : ""; next_element(&list, &element, &len, &weight);) {
		bool is_vi = is_language(element, len, "vi");
		if ((is_vi || is_language(element, len, "en")) && weight > best) {
			best = weight;
			vi = is_vi;
		}
	}
	return vi;
}

static void list_formats(unsigned formats, char *to, size_t size)
{
	size_t n = 0;
	*to = '\0';
	for (unsigned f = 0; formats >> f; f++) {
		if (formats >> f & 1) {
			n += (size_t)snprintf(to + n, size - n, "%s%s (%s)", n ? ", " : "",
					      export_format_name((enum export_format)f),
					      export_media_type((enum export_format)f));
		}
	}
}

static bool no_format(unsigned formats, const char *parameter, const char *value, struct problem *problem)
{
	char there[PROBLEM_TEXT];
	list_formats(formats, there, sizeof(there));
	return problem_set(problem, PROBLEM_FORMAT, parameter, value, there);
}

/* A route with one format has it whatever a client names, as those that ask it know. */
static bool choose_format(const struct route *route, const char *accept, struct ask *a, struct problem *problem)
{
	const char *name = a->given[PARAM_FORMAT];
	a->format = EXPORT_JSON;
	if ((route->formats & (route->formats - 1)) == 0) {
		a->format = (enum export_format)__builtin_ctz(route->formats);
		return true;
	}
	if (name) {
		return (export_format_named(name, &a->format) && route->formats >> a->format & 1) ||
		       no_format(route->formats, "format", name, problem);
	}
	return export_accept_among(accept, route->formats, &a->format) ||
	       no_format(route->formats, "Accept", accept, problem);
}

/* ---------------------------------------------------------------- what the address says */

static bool find_route(const char *path, struct ask *ret, struct problem *problem)
{
	char paths[PROBLEM_TEXT];
	size_t n = 0;
	for (int i = 0; i < ROUTE_KINDS; i++) {
		n += (size_t)snprintf(paths + n, sizeof(paths) - n, "%s%s", n ? ", " : "", routes[i].path);
		size_t fixed = strcspn(routes[i].path, "{");
		if (routes[i].path[fixed] ? strncmp(path, routes[i].path, fixed) == 0
					  : strcmp(path, routes[i].path) == 0) {
			ret->route = (enum ask_route)i;
			return true;
		}
	}
	return problem_set(problem, PROBLEM_ROUTE, NULL, path, paths);
}

static bool unknown(const struct route *route, const char *name, struct problem *problem)
{
	char there[PROBLEM_TEXT] = "-";
	size_t n = 0;
	for (int i = 0; i < PARAM_KINDS; i++) {
		if (route->params >> i & 1) {
			n += (size_t)snprintf(there + n, sizeof(there) - n, "%s%s", n ? ", " : "", params[i].name);
		}
	}
	return problem_set(problem, PROBLEM_PARAMETER, name, NULL, there);
}

bool ask_wrong(enum ask_param id, const char *value, bool in_vietnamese, struct problem *problem)
{
	return problem_set(problem, PROBLEM_VALUE, params[id].name, value,
			   in_vietnamese ? kinds[params[id].kind].vi : kinds[params[id].kind].en);
}

static bool read_value(enum ask_param id, const char *value, size_t len, struct ask *ret, struct problem *problem)
{
	if (strlen(value) != len || !kinds[params[id].kind].check(value)) {
		return ask_wrong(id, value, ret->in_vietnamese, problem);
	}
	ret->given[id] = value;
	return true;
}

static bool read_pair(const struct route *route, const struct ask_pair *pair, struct ask *ret, struct problem *problem)
{
	int id = 0;
	while (id < PARAM_KINDS && (!(route->params >> id & 1) || strlen(params[id].name) != pair->name_len ||
				    memcmp(params[id].name, pair->name, pair->name_len) != 0)) {
		id++;
	}
	if (id == PARAM_KINDS) {
		return unknown(route, pair->name, problem);
	}
	if (ret->given[id]) {
		return problem_set(problem, PROBLEM_REPEATED, params[id].name, NULL, NULL);
	}
	return read_value((enum ask_param)id, pair->value ? pair->value : "", pair->value ? pair->value_len : 0, ret,
			  problem);
}

/* What the path says: an indicator, and behind it all of the rest, as a period may have a "/" in it. */
static bool read_path(const struct route *route, const char *path, struct ask *ret, struct problem *problem)
{
	size_t fixed = strcspn(route->path, "{");
	if (!route->path[fixed]) {
		return true;
	}
	const char *period = strchr(path + fixed, '/');
	size_t len = period ? (size_t)(period - path) - fixed : strlen(path + fixed);
	snprintf(ret->indicator, sizeof(ret->indicator), "%.*s", (int)len, path + fixed);
	period = period ? period + 1 : "";
	return read_value(PARAM_INDICATOR, ret->indicator, len, ret, problem) &&
	       read_value(PARAM_PERIOD, period, strlen(period), ret, problem);
}

static bool read_together(const struct ask *a, enum ask_param one, enum ask_param other, struct problem *problem)
{
	return !a->given[one] || a->given[other] ||
	       problem_set(problem, PROBLEM_TOGETHER, params[one].name, NULL, params[other].name);
}

bool ask_read(const struct ask_request *request, struct ask *ret, struct problem *problem)
{
	*ret = (struct ask){.in_vietnamese = choose_vi(request->accept_language, request->vi_unless_told)};
	if (!find_route(request->path, ret, problem)) {
		return false;
	}
	const struct route *route = &routes[ret->route];
	if (!read_path(route, request->path, ret, problem)) {
		return false;
	}
	for (size_t i = 0; i < request->n_pairs; i++) {
		if (!read_pair(route, &request->pairs[i], ret, problem)) {
			return false;
		}
	}
	return read_together(ret, PARAM_FROM, PARAM_TO, problem) && read_together(ret, PARAM_TO, PARAM_FROM, problem) &&
	       choose_format(route, request->accept, ret, problem);
}

/* ---------------------------------------------------------------- what was read */

enum ask_needs ask_needs(const struct ask *a)
{
	return routes[a->route].needs;
}

int64_t ask_time(const struct ask *a, enum ask_param id, int64_t otherwise)
{
	int64_t us;
	return a->given[id] && read_time(a->given[id], &us) ? us : otherwise;
}

static bool names_moment(const struct ask *a, int id)
{
	int64_t us;
	return a->given[id] && (params[id].kind == KIND_TIME || params[id].kind == KIND_CURSOR) &&
	       read_time(a->given[id], &us);
}

bool ask_names_moment(const struct ask *a)
{
	int id = 0;
	while (id < PARAM_KINDS && !names_moment(a, id)) {
		id++;
	}
	return id < PARAM_KINDS;
}

bool ask_has_come(const struct ask *a, int64_t now_us, struct problem *problem)
{
	char now[CLOCK_TEXT];
	for (int id = 0; id < PARAM_KINDS; id++) {
		if (names_moment(a, id) && !moment_has_come(ask_time(a, (enum ask_param)id, 0), now_us)) {
			return problem_set(problem, PROBLEM_NOT_COME, params[id].name, a->given[id],
					   moment_text(now_us, now));
		}
	}
	return true;
}

char *ask_key(const struct ask *a)
{
	char *key =
	    xasprintf("%s %s %s", routes[a->route].path, export_format_name(a->format), a->in_vietnamese ? "vi" : "en");
	for (int i = 0; i < PARAM_KINDS; i++) {
		if (!a->given[i] || i == PARAM_FORMAT) {
			continue;
		}
		char *longer = xasprintf("%s %s=%s", key, params[i].name, a->given[i]);
		free(key);
		key = longer;
	}
	return key;
}

/* ---------------------------------------------------------------- what else a request may say */

bool ask_matches(const char *if_none_match, const char *tag)
{
	size_t len = strlen(tag);
	for (const char *p = if_none_match; *(p += strspn(p, " \t,"));) {
		if (*p == '*') {
			return true;
		}
		if (strncmp(p, "W/", 2) == 0) {
			p += 2;
		}
		if (strncmp(p, tag, len) == 0) {
			return true;
		}
		const char *end = *p == '"' ? strchr(p + 1, '"') : NULL;
		p = end ? end + 1 : p + strcspn(p, ",");
	}
	return false;
}

bool ask_address_is_sound(const char *address)
{
	for (const char *p = address; (p = strchr(p, '%')); p++) {
		if (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]) || strncmp(p, "%00", 3) == 0) {
			return false;
		}
	}
	return true;
}

static bool is_listed(const char *name, const char *names)
{
	size_t len = strlen(name), one;
	for (const char *p = names; *(p += strspn(p, " ")); p += one) {
		one = strcspn(p, " ");
		if (one == len && strncasecmp(p, name, len) == 0) {
			return true;
		}
	}
	return false;
}

bool ask_host_is_ours(const char *host, const char *names)
{
	char name[256], address[sizeof(struct in6_addr)];
	size_t len = strcspn(host, ":");
	if (*host == '[') {
		host++;
		len = strcspn(host, "]");
	}
	if (len >= sizeof(name)) {
		return false;
	}
	memcpy(name, host, len);
	name[len] = '\0';
	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1 ||
	       is_listed(name, "localhost") || is_listed(name, names);
}
