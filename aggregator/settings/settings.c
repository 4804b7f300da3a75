/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "lang.h"

#include <string.h>

const struct conf_setting settings_table[] = {
#define SETTING(name_, type_, initial_, min_, max_, choices_, reloadable_, help_)                                      \
	{                                                                                                              \
	    .name = #name_,                                                                                            \
	    .type = CONF_##type_,                                                                                      \
	    .offset = offsetof(struct settings, name_),                                                                \
	    .initial = initial_,                                                                                       \
	    .min = min_,                                                                                               \
	    .max = max_,                                                                                               \
	    .choices = choices_,                                                                                       \
	    .reloadable = reloadable_,                                                                                 \
	    .help = help_,                                                                                             \
	},
#include "settings.def"
#undef SETTING
};
const size_t settings_count = sizeof(settings_table) / sizeof(settings_table[0]);

#define ENVELOPE_SLACK (64 << 10)          /* what a message has around the report it carries */
#define SMALL_MESSAGE  (4 << 10)           /* as gate.h has it */
#define OWN_MEMORY     (INT64_C(96) << 20) /* catalogue, feed, buffers of libpq, what malloc does not give back */
#define ROW_MEMORY     (4 << 10) /* what libpq has of the store's answer for one figure, whose history has 32 points */
#define PEERS_AT_ONCE  6 /* the newest, the next, one on its way to lanes; three times the bytes while one is read */
#define HTTP_ROW       (2 << 10)   /* what libpq has of the answer for one row of a roll-up */
#define HTTP_CLIENT    (32 << 10)  /* its request, and what the system's library has for a connection */
#define AGENT_MEMORY   (256 << 10) /* its session, and what libzmq has for a connection */

/* Two settings of which the first must not be less than the second and some more. */
struct order {
	const char *greater, *less;
	size_t greater_at, less_at;
	int64_t slack;
};

#define AT_LEAST(a, b, more)                                                                                           \
	{                                                                                                              \
#a, #b, offsetof(struct settings, a), offsetof(struct settings, b), more                               \
	}
static const struct order orders[] = {
    AT_LEAST(message_bytes, report_bytes, ENVELOPE_SLACK),
    AT_LEAST(credit_agent, report_bytes, ENVELOPE_SLACK),
    AT_LEAST(batch_bytes, report_bytes, ENVELOPE_SLACK),
    AT_LEAST(credit_total, credit_agent, 0),
    AT_LEAST(lane_arena, batch_bytes, 0),
    AT_LEAST(http_memory, http_answer, 0),
};

static int64_t number_at(const struct settings *s, size_t at)
{
	return *(const int64_t *)((const char *)s + at);
}

static bool check_orders(const char *path, const struct settings *s, struct err *err)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		const struct order *o = &orders[i];
		int64_t least = number_at(s, o->less_at) + o->slack;
		if (number_at(s, o->greater_at) < least)
			return err_set(err, ERR_CONFIG,
				       o->slack ? _("%s: %s must be at least %s and 64KiB: a report must fit")
						: _("%s: %s must be at least %s"),
				       path, o->greater, o->less);
	}
	return true;
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool check_endpoints(const char *path, const struct settings *s, struct err *err)
{
	if (!starts_with(s->road, "tcp://"))
		return err_set(err, ERR_CONFIG, _("%s: road must be tcp://ADDRESS:PORT, not \"%s\""), path, s->road);
	if (!starts_with(s->feed, "tcp://") && !starts_with(s->feed, "ipc://"))
		return err_set(err, ERR_CONFIG, _("%s: feed must be ipc://PATH or tcp://ADDRESS:PORT, not \"%s\""),
			       path, s->feed);
	if (starts_with(s->feed, "tcp://") && !s->feed_keys[0])
		return err_set(
		    err, ERR_CONFIG,
		    _("%s: a feed over tcp:// needs feed_keys: the folder with the keys of those who may listen"),
		    path);
	return true;
}

static bool check(const char *path, const struct settings *s, struct err *err)
{
	const char *place = path ? path : "-";
	return check_orders(place, s, err) && check_endpoints(place, s, err);
}

bool settings_load(const char *path, struct settings *ret, struct err *err)
{
	*ret = (struct settings){0};
	if (!conf_load(settings_table, settings_count, path, ret, err))
		return false;
	if (check(path, ret, err))
		return true;
	settings_clear(ret);
	return false;
}

bool settings_reload(const char *path, struct settings *settings, char **ret_kept, struct err *err)
{
	struct settings fresh;
	*ret_kept = NULL;
	/* What could not be taken up as a whole must not be taken up in part. */
	bool fine = settings_load(path, &fresh, err);
	settings_clear(&fresh);
	return fine && conf_reload(settings_table, settings_count, path, settings, ret_kept, err);
}

void settings_clear(struct settings *settings)
{
	conf_clear(settings_table, settings_count, settings);
}

/*
 * Of one connection libzmq has two messages more than wait, one being read and one being given to us (gate/guard cuts what has
 * more), and one that it is writing, besides those that wait to be written.
 */
static int64_t http_memory(const struct settings *s)
{
	return s->http[0]
		   ? s->http_readers * s->http_rows * HTTP_ROW + s->http_connections * HTTP_CLIENT + s->http_memory
		   : 0;
}

struct settings_memory settings_memory(const struct settings *s)
{
	const int64_t parts = s->lane_arena / 8 * 3, small = s->high_water * SMALL_MESSAGE;
	return (struct settings_memory){
	    .itself = OWN_MEMORY + s->credit_total + s->checks * (s->report_bytes + ENVELOPE_SLACK) +
		      s->lanes * (s->lane_arena + parts + s->history_memory + s->group_rows * ROW_MEMORY) +
		      (s->peer_cut_every ? (s->lanes + PEERS_AT_ONCE) * s->peer_memory : 0) + http_memory(s),
	    .each = (s->receive_high_water + 2) * s->message_bytes + 2 * s->message_bytes + small + AGENT_MEMORY,
	};
}

void settings_print(const struct settings *settings, FILE *out)
{
	conf_print(settings_table, settings_count, settings, out);
}
