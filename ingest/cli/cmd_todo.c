/* SPDX-License-Identifier: Apache-2.0 */
/* tram todo: what this province owes, as its agent hears it from the centre. With --provider it is the centre's command. */
#include "cli.h"
#include "lang.h"
#include "options.h"
#include "talk.h"
#include "todo_show.h"

#include <sysexits.h>

#define ANSWER_PATIENCE_MS 615000 /* longer than an agent waits for the centre, at most */

struct todo_options {
	struct common_options common;
};

static const struct options spec = {
    "todo",
    "[OPTION]...",
    N_("What this province owes, and by when, as the centre says now: figures that were refused and wait to be "
       "mended,\n"
       "figures that are held and wait for a reason, reports that are late, and those due within a quarter, by the "
       "legal\n"
       "calendar. At the centre: tram todo --provider PROVINCE [--as-of TIME]."),
    true,
    true,
    NULL,
    0,
    0,
    0};

static bool show_answer(void *context, const Tram__Control__V1__ControlReply *reply)
{
	const struct todo_options *o = context;

	if (reply->body_case == TRAM__CONTROL__V1__CONTROL_REPLY__BODY_TODO)
		todo_show(reply->todo, o->common.format);
	return true;
}

static bool is_for_centre(int argc, char **argv)
{
	static const char *const options[] = {"--provider", "--as-of", "--centre", "--database"};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (cli_names_option(argc, argv, options[i]))
			return true;
	return false;
}

int cmd_todo(int argc, char **argv)
{
	struct todo_options o = {0};
	Tram__Control__V1__ControlRequest request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__TodoGet body = TRAM__CONTROL__V1__TODO_GET__INIT;
	struct err err;
	int first;

	if (is_for_centre(argc, argv))
		return cli_run_as_centre(argc, argv);
	switch (options_parse(&spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_TODO;
	request.todo = &body;
	if (!talk_ask(o.common.agent_socket, &request, ANSWER_PATIENCE_MS, show_answer, &o, &err))
		return cli_fail(&err);
	return EX_OK;
}
