/* SPDX-License-Identifier: Apache-2.0 */
#include "centre.h"

#include "clock.h"
#include "lang.h"
#include "nearest.h"
#include "settings.h"
#include "wrap.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const struct {
	const char *name, *help;
	centre_command *run;
} commands[] = {
#define COMMAND(id, name, section, help, run) {name, help, run},
#include "centre.def"
#undef COMMAND
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* ---------------------------------------------------------------- for all commands */

int centre_fail(const struct err *err)
{
	fflush(stdout);
	fprintf(stderr, "tram: %s\n", err->text);
	return err->kind ? (int)err->kind : EX_SOFTWARE;
}

void centre_cell_time(struct table *t, bool for_people, int64_t us)
{
	char text[CLOCK_TEXT];

	table_cell(t, us == 0 ? NULL : for_people ? clock_text_vn(us, text) : clock_text_rfc3339(us, text));
}

bool centre_parse(const struct options *spec, int argc, char **argv, struct common_options *values, int *ret_first,
		  int *ret_status)
{
	struct err err;

	switch (options_parse(spec, argc, argv, values, ret_first, &err)) {
	case OPTIONS_GO: return true;
	case OPTIONS_HELPED: *ret_status = EX_OK; return false;
	case OPTIONS_WRONG: break;
	}
	*ret_status = centre_fail(&err);
	return false;
}

static struct store *open_as(enum centre_role role, const char *conninfo, struct err *err)
{
	static enum store_result (*const open[])(const char *, struct store **,
						 struct err *) = {[CENTRE_READER] = store_open_reader,
								  [CENTRE_AUDITOR] = store_open_reader,
								  [CENTRE_OPERATOR] = store_open_admin,
								  [CENTRE_ADMIN] = store_open_admin,
								  [CENTRE_OWNER] = store_open_owner};
	struct store *s;

	return open[role](conninfo, &s, err) == STORE_OK ? s : NULL;
}

/* Who makes the schema is seldom in the settings: --database says it. */
static const char *conninfo_of(const struct settings *settings, enum centre_role role)
{
	switch (role) {
	case CENTRE_READER: return settings->reader_database;
	case CENTRE_AUDITOR: return settings->auditor_database;
	case CENTRE_OPERATOR: return settings->operator_database;
	case CENTRE_ADMIN:
	case CENTRE_OWNER: break;
	}
	return settings->admin_database;
}

static const char *settings_path(const struct centre_options *options)
{
	const char *set = getenv("TRAM_CENTRE");

	return options->centre ? options->centre : set && *set ? set : SETTINGS_FILE;
}

bool centre_settings(const struct centre_options *options, struct settings *ret, struct err *err)
{
	return settings_load(settings_path(options), ret, err);
}

struct store *centre_connect(const struct centre_options *options, enum centre_role role, struct err *err)
{
	struct settings settings;
	struct store *s = NULL;

	if (options->database) {
		return open_as(role, options->database, err);
	}
	if (centre_settings(options, &settings, err)) {
		s = open_as(role, conninfo_of(&settings, role), err);
		settings_clear(&settings);
	}
	return s;
}

bool centre_moment_came(struct store *s, enum moment_option option, const char *text, struct err *err)
{
	int64_t now_us;

	return !text || (store_now(s, &now_us, err) == STORE_OK && moment_check(option, text, now_us, err));
}

bool centre_is_blank(const char *text)
{
	return !text || text[strspn(text, " \t\r\n")] == '\0';
}

/* ---------------------------------------------------------------- from a command line to its command */

static void print_commands(FILE *out, const char *group)
{
	size_t len = group ? strlen(group) : 0;

	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (!group || (strncmp(commands[i].name, group, len) == 0 && commands[i].name[len] == ' ')) {
			fprintf(out, "  %-18s ", commands[i].name);
			wrap_print(out, _(commands[i].help), 21);
		}
	}
}

/* How many words of argv[1 ...] name the command: 0, 1 or 2. */
static int words_matched(const char *name, int argc, char **argv)
{
	const char *space = strchr(name, ' ');
	size_t first = space ? (size_t)(space - name) : strlen(name);

	if (argc < 2 || strlen(argv[1]) != first || strncmp(name, argv[1], first) != 0) {
		return 0;
	}
	if (!space) {
		return 1;
	}
	return argc > 2 && strcmp(space + 1, argv[2]) == 0 ? 2 : 0;
}

/* Whether the word begins commands of two words: "agents". */
static bool is_group(const char *word)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strncmp(commands[i].name, word, strlen(word)) == 0 && commands[i].name[strlen(word)] == ' ') {
			return true;
		}
	}
	return false;
}

static int show_group(const char *group, int argc, char **argv)
{
	bool asked = argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);
	FILE *out = asked ? stdout : stderr;

	fprintf(out, _("tram %s is one of:\n"), group);
	print_commands(out, group);
	return asked ? EX_OK : EX_USAGE;
}

/* "catalogue lod" */
static int tell_unknown_of_group(const char *group, const char *word)
{
	struct nearest near = nearest_to(word);
	size_t len = strlen(group);
	struct err err;

	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strncmp(commands[i].name, group, len) == 0 && commands[i].name[len] == ' ') {
			nearest_try(&near, commands[i].name + len + 1);
		}
	}
	if (near.found) {
		err_set(&err, ERR_USAGE, _("unknown command \"%s %s\"; did you mean \"tram %s %s\"?"), group, word,
			group, near.found);
	} else {
		err_set(&err, ERR_USAGE, _("unknown command \"%s %s\": tram %s --help lists them"), group, word, group);
	}
	return centre_fail(&err);
}

static int run_group(int argc, char **argv)
{
	return argc > 2 && *argv[2] != '-' ? tell_unknown_of_group(argv[1], argv[2]) : show_group(argv[1], argc, argv);
}

static int tell_unknown(const char *word)
{
	struct nearest near = nearest_to(word);
	struct err err;

	for (size_t i = 0; i < N_COMMANDS; i++) {
		nearest_try(&near, commands[i].name);
	}
	if (near.found) {
		err_set(&err, ERR_USAGE, _("unknown command \"%s\"; did you mean \"tram %s\"?"), word, near.found);
	} else {
		err_set(&err, ERR_USAGE, _("unknown command \"%s\": tram --help lists them"), word);
	}
	return centre_fail(&err);
}

int centre_run(int argc, char **argv)
{
	struct err err;

	if (!options_skip_language(&argc, &argv, &err)) {
		return centre_fail(&err);
	}
	for (size_t i = 0; i < N_COMMANDS; i++) {
		int n = words_matched(commands[i].name, argc, argv);

		if (n > 0) {
			return commands[i].run(argc - n, argv + n);
		}
	}
	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		printf("%s\n", _("tram-centre has the centre's commands of tram; call them by \"tram COMMAND\":"));
		print_commands(stdout, NULL);
		return argc < 2 ? EX_USAGE : EX_OK;
	}
	return is_group(argv[1]) ? run_group(argc, argv) : tell_unknown(argv[1]);
}

const char *centre_login_name(void)
{
	const struct passwd *user = getpwuid(getuid());
	const char *login = getlogin();

	return login && *login ? login : user ? user->pw_name : NULL;
}
