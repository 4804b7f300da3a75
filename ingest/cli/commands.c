/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include "lang.h"
#include "mem.h"
#include "nearest.h"
#include "text.h"
#include "wrap.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

const struct command commands[] = {
#define COMMAND(id, name, section, help, run) {name, SECTION_##section, help, run},
#include "commands.def"
#undef COMMAND
};
const size_t n_commands = sizeof commands / sizeof *commands;

/* ---------------------------------------------------------------- helpers of all commands */

int cli_fail(const struct err *err)
{
	fflush(stdout);
	fprintf(stderr, "tram: %s\n", err->text);
	return err->kind ? (int)err->kind : EX_SOFTWARE;
}

bool cli_print_json(json_t *value, struct err *err)
{
	bool ok = value && json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) == 0 && putchar('\n') != EOF;

	json_decref(value);
	return ok || err_set(err, ERR_IO, _("the output could not be written in full"));
}

char *cli_range(uint64_t first, uint64_t last, char buf[static 48])
{
	if (first == last)
		snprintf(buf, 48, "%" PRIu64, first);
	else
		snprintf(buf, 48, "%" PRIu64 "-%" PRIu64, first, last);
	return buf;
}

char *cli_program_folder(void)
{
	char exe[4096];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
	char *slash;

	if (len <= 0)
		return xstrdup(".");
	exe[len] = 0;
	slash = strrchr(exe, '/');
	if (slash)
		*slash = 0;
	return xstrdup(exe);
}

/* ---------------------------------------------------------------- help */

static const char *section_title(enum command_section section)
{
	switch (section) {
	case SECTION_PROVINCE: return _("At a province:");
	case SECTION_KEYS: return _("Keys:");
	case SECTION_CENTRE:
	case SECTIONS: break;
	}
	return _("At the centre (where its package is installed):");
}

static void print_commands(FILE *out, const char *group)
{
	size_t len = group ? strlen(group) : 0;

	for (int section = 0; section < SECTIONS; section++) {
		bool titled = group != NULL;

		for (size_t i = 0; i < n_commands; i++) {
			const struct command *c = &commands[i];

			if (c->section != (enum command_section)section ||
			    (group && (strncmp(c->name, group, len) != 0 || c->name[len] != ' ')))
				continue;
			if (!titled)
				fprintf(out, "\n%s\n", section_title(c->section));
			titled = true;
			fprintf(out, "  %-14s ", c->name);
			wrap_print(out, _(c->help), 17);
		}
	}
}

static int print_help(void)
{
	printf(
	    "%s\n",
	    _("Usage: tram COMMAND [ARGUMENT]... [OPTION]...\n\n"
	      "tram hands in a province's figures, shows what the centre says of them, and reads the national ones.\n"
	      "tram COMMAND --help explains a command; tram --version says which version this is."));
	print_commands(stdout, NULL);
	printf("\n%s\n", _("A first hand-in:  tram submit figures.csv --wait"));
	return EX_OK;
}

/* ---------------------------------------------------------------- the centre's package */

char *commands_find_centre(const char *folder)
{
	static const char *const ways[] = {"tram-centre", "../libexec/tram/tram-centre"};

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		char *path = xasprintf("%s/%s", folder, ways[i]);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

int cli_run_centre(char **argv)
{
	char *folder = cli_program_folder(), *path = commands_find_centre(folder);
	struct err err;

	free(folder);
	if (!path) {
		err_set(&err, ERR_UNAVAILABLE,
			_("\"tram %s\" works at the centre, whose package is not installed here: install "
			  "tram-aggregator, or run it on the centre's machine"),
			argv[1]);
		return cli_fail(&err);
	}
	execv(path, argv);
	err_set_errno(&err, ERR_OS, _("cannot start %s"), path);
	free(path);
	return cli_fail(&err);
}

/* The centre's program gets the command line as it was: "tram verify …". */
int cli_run_as_centre(int argc, char **argv)
{
	char **all = xcalloc((size_t)argc + 2, sizeof *all);
	static char name[] = "tram";
	int status;

	all[0] = name;
	for (int i = 0; i < argc; i++)
		all[i + 1] = argv[i];
	status = cli_run_centre(all);
	free(all);
	return status;
}

bool cli_names_option(int argc, char **argv, const char *option)
{
	size_t len = strlen(option);

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strncmp(argv[i], option, len) == 0 && (argv[i][len] == '\0' || argv[i][len] == '='))
			return true;
	return false;
}

/* ---------------------------------------------------------------- from a command line to its command */

/* How many words of argv[1 ...] name the command: 0, 1 or 2. */
static int words_matched(const struct command *c, int argc, char **argv)
{
	const char *space = strchr(c->name, ' ');
	size_t first = space ? (size_t)(space - c->name) : strlen(c->name);

	if (argc < 2 || strlen(argv[1]) != first || strncmp(c->name, argv[1], first) != 0)
		return 0;
	if (!space)
		return 1;
	return argc > 2 && strcmp(space + 1, argv[2]) == 0 ? 2 : 0;
}

/* Whether the word begins commands of two words: "outbox". */
static bool is_group(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < n_commands; i++)
		if (strncmp(commands[i].name, word, len) == 0 && commands[i].name[len] == ' ')
			return true;
	return false;
}

static int show_group(const char *group, bool asked)
{
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

	for (size_t i = 0; i < n_commands; i++)
		if (strncmp(commands[i].name, group, len) == 0 && commands[i].name[len] == ' ')
			nearest_try(&near, commands[i].name + len + 1);
	if (near.found)
		err_set(&err, ERR_USAGE, _("unknown command \"%s %s\"; did you mean \"tram %s %s\"?"), group, word,
			group, near.found);
	else
		err_set(&err, ERR_USAGE, _("unknown command \"%s %s\": tram %s --help lists them"), group, word, group);
	return cli_fail(&err);
}

static int tell_unknown(const char *word)
{
	struct nearest near = nearest_to(word);
	struct err err;

	for (size_t i = 0; i < n_commands; i++)
		nearest_try(&near, commands[i].name);
	if (near.found)
		err_set(&err, ERR_USAGE, _("unknown command \"%s\"; did you mean \"tram %s\"?"), word, near.found);
	else
		err_set(&err, ERR_USAGE, _("unknown command \"%s\": tram --help lists them"), word);
	return cli_fail(&err);
}

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

static const char *const help[] = {"--help", "-h", "help"};

/* "help submit" and "submit help" as "submit --help"; a file may be called help, and then it is the file. */
static void heed_help(int argc, char **argv)
{
	static char option[] = "--help";

	if (argc > 2 && strcmp(argv[1], "help") == 0) {
		memmove(argv + 1, argv + 2, (size_t)(argc - 2) * sizeof *argv);
		argv[argc - 1] = option;
	} else if (argc > 2 && argc < 5 && strcmp(argv[argc - 1], "help") == 0 && access("help", F_OK) != 0) {
		argv[argc - 1] = option;
	}
}

static int run_group(int argc, char **argv)
{
	bool asked = argc > 2 && is_one_of(argv[2], help, 3);

	if (argc > 2 && *argv[2] != '-' && !asked)
		return tell_unknown_of_group(argv[1], argv[2]);
	return show_group(argv[1], asked);
}

int commands_run(int argc, char **argv)
{
	static const char *const version[] = {"--version", "-V"};
	struct err err;

	if (!options_skip_language(&argc, &argv, &err))
		return cli_fail(&err);
	if (argc < 2)
		return print_help(), EX_USAGE;
	if (is_one_of(argv[1], help, 3) && argc == 2)
		return print_help();
	heed_help(argc, argv);
	if (is_one_of(argv[1], version, 2)) {
		printf("tram %s\n", TRAM_VERSION);
		return EX_OK;
	}
	for (size_t i = 0; i < n_commands; i++) {
		int n = words_matched(&commands[i], argc, argv);

		if (n)
			return commands[i].run ? commands[i].run(argc - n, argv + n) : cli_run_centre(argv);
	}
	if (is_group(argv[1]))
		return run_group(argc, argv);
	return tell_unknown(argv[1]);
}
