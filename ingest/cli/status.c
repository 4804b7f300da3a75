/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include "cli.h"
#include "codec.h"
#include "conf.h"
#include "lang.h"
#include "mem.h"
#include "talk.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define CENTRE_SOCKET "/run/tram-aggregator/control" /* unless its settings name another */

static bool keep_status(void *context, const Tram__Control__V1__ControlReply *reply)
{
	Tram__Control__V1__Status **ret = context;

	if (reply->body_case == TRAM__CONTROL__V1__CONTROL_REPLY__BODY_STATUS) {
		size_t len;
		uint8_t *bytes = codec_pack(&reply->status->base, &len);

		*ret = tram__control__v1__status__unpack(NULL, len, bytes);
		free(bytes);
	}
	return *ret == NULL;
}

Tram__Control__V1__Status *status_fetch(const char *socket, struct err *err)
{
	Tram__Control__V1__ControlRequest request = TRAM__CONTROL__V1__CONTROL_REQUEST__INIT;
	Tram__Control__V1__StatusRequest body;
	Tram__Control__V1__Status *status = NULL;

	tram__control__v1__status_request__init(&body);
	request.body_case = TRAM__CONTROL__V1__CONTROL_REQUEST__BODY_STATUS;
	request.status = &body;
	if (talk_ask(socket, &request, TALK_PATIENCE_MS, keep_status, &status, err) && !status)
		err_set(err, ERR_PROTOCOL, _("the agent's answer cannot be read: are both the same version?"));
	return status;
}

const char *status_value(const Tram__Control__V1__Status *status, const char *name)
{
	for (size_t i = 0; i < status->n_fields; i++)
		if (strcmp(status->fields[i]->name, name) == 0)
			return status->fields[i]->value;
	return "";
}

/* ---------------------------------------------------------------- tram status */

struct status_options {
	struct common_options common;
	const char *centre;
};

static const struct option_row status_rows[] = {
    {"centre", "FILE", OPTION_TEXT, offsetof(struct status_options, centre),
     N_("of the centre with these settings, where the command runs on its machine")},
};

static const struct options status_spec = {
    "status",
    "[OPTION]...",
    N_("How the agent on this machine is: its link to the centre, and what waits to be sent."),
    true,
    false,
    status_rows,
    sizeof status_rows / sizeof *status_rows,
    0,
    0};

/* The control socket that a centre's settings name; caller frees. NULL and *err on failure. */
static char *find_centre(const char *file, struct err *err)
{
	const char *slash = strrchr(file, '/');
	char *control, *path;

	if (!conf_peek(file, "control", &control, err))
		return NULL;
	if (!control || *control == '/' || !slash)
		return control ? control : xstrdup(CENTRE_SOCKET);
	path = xasprintf("%.*s/%s", (int)(slash - file), file, control);
	free(control);
	return path;
}

static bool show_status(const Tram__Control__V1__Status *status, bool is_json, struct err *err)
{
	json_t *object = is_json ? json_object() : NULL;

	for (size_t i = 0; i < status->n_fields; i++) {
		const Tram__Control__V1__StatusField *field = status->fields[i];

		if (is_json)
			json_object_set_new(object, field->name, json_string(field->value));
		else if (*field->value)
			printf("%-24s %s\n", field->name, field->value);
	}
	return !is_json || cli_print_json(object, err);
}

static bool ask_and_show(const struct status_options *o, struct err *err)
{
	char *centre = o->centre ? find_centre(o->centre, err) : NULL;
	Tram__Control__V1__Status *status;
	bool ok;

	if (o->centre && !centre)
		return false;
	status = status_fetch(centre ? centre : o->common.agent_socket, err);
	ok = status && show_status(status, o->common.format == TABLE_JSON, err);
	if (status)
		tram__control__v1__status__free_unpacked(status, NULL);
	free(centre);
	return ok;
}

int cmd_status(int argc, char **argv)
{
	struct status_options o = {0};
	struct err err;
	int first;

	switch (options_parse(&status_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	return ask_and_show(&o, &err) ? EX_OK : cli_fail(&err);
}
