/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include "cli.h"
#include "codec.h"
#include "lang.h"
#include "talk.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

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

static const struct options status_spec = {
    "status", "",    N_("How the agent on this machine is: its link to the centre, and what waits to be sent."),
    true,     false, NULL,
    0,        0,     0};

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

int cmd_status(int argc, char **argv)
{
	struct common_options o = {0};
	Tram__Control__V1__Status *status;
	struct err err;
	int first;
	bool ok;

	switch (options_parse(&status_spec, argc, argv, &o, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	status = status_fetch(o.agent_socket, &err);
	ok = status && show_status(status, o.format == TABLE_JSON, &err);
	if (status)
		tram__control__v1__status__free_unpacked(status, NULL);
	return ok ? EX_OK : cli_fail(&err);
}
