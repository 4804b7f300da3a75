/* SPDX-License-Identifier: Apache-2.0 */
/* tram verdicts and tram status: what the centre said, and how the agent is. */
#include "cli.h"
#include "lang.h"
#include "moment.h"
#include "status.h"
#include "terminal.h"
#include "verdicts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define WAIT_DEFAULT 60

struct verdicts_options {
	struct common_options common;
	const char *since;
	int64_t wait;
};

static const struct option_row verdicts_rows[] = {
    {"since", "TIME", OPTION_TEXT, offsetof(struct verdicts_options, since),
     N_("only those that came since (2024-07-19, 2024-07-19T08:00:00+07:00)")},
    {"wait", "[SECONDS]", OPTION_COUNT, offsetof(struct verdicts_options, wait),
     N_("wait for the ticket's last verdict (60 seconds)")},
};

static const struct options verdicts_spec = {
    "verdicts",
    "[TICKET] [OPTION]...",
    N_("What the centre said of what was handed in: of one ticket, or of all, oldest first."),
    true,
    false,
    verdicts_rows,
    sizeof verdicts_rows / sizeof *verdicts_rows,
    0,
    1};

static int show_result(struct verdict_query *q, struct err *err)
{
	if (q->gather)
		return cli_print_json(q->gather, err) ? EX_OK : cli_fail(err);
	if (q->rows == 0 && terminal_is(stderr))
		fprintf(stderr, "%s\n",
			q->ticket ? _("no verdict of this ticket is in yet") : _("no verdict is in yet"));
	return EX_OK;
}

int cmd_verdicts(int argc, char **argv)
{
	struct verdicts_options o = {0};
	struct verdict_query q = {0};
	struct err err;
	int first;

	switch (options_parse(&verdicts_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	q.socket = o.common.agent_socket;
	q.ticket = first < argc ? argv[first] : NULL;
	q.wait_s = o.wait < 0 ? WAIT_DEFAULT : o.wait;
	if (!moment_read(MOMENT_SINCE, o.since, &q.since_us, &err) ||
	    !moment_check(MOMENT_SINCE, o.since, clock_wall_us(), &err)) {
		return cli_fail(&err);
	}
	if (q.wait_s && !q.ticket) {
		err_set(&err, ERR_USAGE, _("--wait needs a ticket: tram verdicts TICKET --wait"));
		return cli_fail(&err);
	}
	q.gather = o.common.format == TABLE_JSON ? json_array() : NULL;
	if (!verdicts_fetch(&q, &err)) {
		json_decref(q.gather);
		return cli_fail(&err);
	}
	return show_result(&q, &err);
}
