/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include "cli.h"
#include "codec.h"
#include "conf.h"
#include "lang.h"
#include "mem.h"
#include "status_show.h"
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

const char *status_words(const Tram__Control__V1__Status *status, const char *name)
{
	const char *said = status_value(status, name);

	return *said ? gettext(said) : said;
}

const char *status_centre_says(const Tram__Control__V1__Status *status)
{
	const char *vietnamese = status_value(status, "centre_says_vi");

	return lang_is_vi() && *vietnamese ? vietnamese : status_value(status, "centre_says");
}

/* ---------------------------------------------------------------- tram status */

struct status_options {
	struct common_options common;
	const char *centre;
	bool all;
};

static const struct option_row status_rows[] = {
    {"all", NULL, OPTION_FLAG, offsetof(struct status_options, all),
     N_("every field and counter, under the names that programs use")},
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

char *status_centre_socket(const char *file, struct err *err)
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

/* Names and the like are texts, though one may consist of digits only. */
static bool is_number(const Tram__Control__V1__StatusField *field)
{
	static const char *const texts[] = {"agent",          "version",       "centre",   "epoch",
					    "previous_epoch", "settings_file", "directory"};
	const char *digits = field->value + (*field->value == '-');
	size_t len = strlen(digits);

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(texts[i], field->name) == 0)
			return false;
	return len > 0 && len <= 18 && strspn(digits, "0123456789") == len && (len == 1 || *digits != '0');
}

static json_t *status_json(const Tram__Control__V1__Status *status)
{
	json_t *object = json_object();

	for (size_t i = 0; i < status->n_fields; i++) {
		const Tram__Control__V1__StatusField *field = status->fields[i];

		json_object_set_new(object, field->name,
				    is_number(field) ? json_integer(strtoll(field->value, NULL, 10))
						     : json_string(field->value));
	}
	return object;
}

static void show_fields(const Tram__Control__V1__Status *status)
{
	for (size_t i = 0; i < status->n_fields; i++)
		if (*status->fields[i]->value)
			printf("%-24s %s\n", status->fields[i]->name, status->fields[i]->value);
}

static bool show(const Tram__Control__V1__Status *status, const struct status_options *o, struct err *err)
{
	if (o->common.format == TABLE_JSON)
		return cli_print_json(status_json(status), err);
	if (o->all || o->centre)
		show_fields(status);
	else
		status_show(stdout, status);
	return true;
}

static bool ask_and_show(const struct status_options *o, struct err *err)
{
	char *centre = o->centre ? status_centre_socket(o->centre, err) : NULL;
	Tram__Control__V1__Status *status;
	bool ok;

	if (o->centre && !centre)
		return false;
	status = status_fetch(centre ? centre : o->common.agent_socket, err);
	ok = status && show(status, o, err);
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
