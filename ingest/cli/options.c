/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "lang.h"
#include "mem.h"
#include "nearest.h"
#include "text.h"
#include "wrap.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/tram-agent/control"
#define ROWS_MAX       48

enum { CODE_HELP = 1000, CODE_FORMAT, CODE_LANG, CODE_SOCKET, CODE_ROW };

struct common_row {
	const char *name, *argument, *help;
	int code;
};

static const struct common_row common_rows[] = {
    {"format", "FORMAT", N_("table (for people) or json (for programs)"), CODE_FORMAT},
    {"agent-socket", "PATH", N_("the agent's control socket (TRAM_AGENT_SOCKET, else /run/tram-agent/control)"),
     CODE_SOCKET},
    {"lang", "LANG", N_("vi or en (TRAM_LANG, else the locale)"), CODE_LANG},
    {"help", NULL, N_("this text"), CODE_HELP},
};
#define N_COMMON (sizeof common_rows / sizeof *common_rows)

static bool is_offered(const struct options *o, const struct common_row *row)
{
	return row->code != CODE_SOCKET || o->asks_agent;
}

/* ---------------------------------------------------------------- help */

/* What stands for an argument, in a synopsis or beside an option. */
static const char *const arguments[] = {
    N_("AGENT"),  N_("AREA"),      N_("BY"),      N_("CODE"),     N_("CONNINFO"), N_("COUNT"),   N_("DATAFLOW"),
    N_("DATE"),   N_("DAY"),       N_("DIR"),     N_("ENDPOINT"), N_("FIGURE"),   N_("FILE"),    N_("FORMAT"),
    N_("ID"),     N_("INDICATOR"), N_("LANG"),    N_("LETTER"),   N_("LEVEL"),    N_("NAME"),    N_("NUMBER"),
    N_("OPTION"), N_("PATH"),      N_("PERIOD"),  N_("PROVINCE"), N_("REASON"),   N_("SECONDS"), N_("TEXT"),
    N_("TICKET"), N_("TIME"),      N_("VINTAGE"), N_("WORD"),
};

static const char *argument_word(const char *word)
{
	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
		if (strcmp(arguments[i], word) == 0)
			return _(arguments[i]);
	return word;
}

/* "FILE [OPTION]..." in the reader's language; caller frees. */
static char *in_words(const char *synopsis)
{
	static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char *text = xstrdup("");

	while (*synopsis) {
		size_t plain = strcspn(synopsis, capitals), len = strspn(synopsis + plain, capitals);
		char *word = xstrndup(synopsis + plain, len);
		char *longer = xasprintf("%s%.*s%s", text, (int)plain, synopsis, argument_word(word));

		free(text);
		free(word);
		text = longer;
		synopsis += plain + len;
	}
	return text;
}

static char *in_words_of(const char *synopsis, size_t len)
{
	char *part = xstrndup(synopsis, len), *words = in_words(part);

	free(part);
	return words;
}

static void print_row(const char *name, const char *placeholder, const char *help)
{
	char *argument = placeholder ? in_words(placeholder) : NULL;
	const char *dash = name[1] ? "--" : "-";
	char *left = argument && *argument == '['
			 ? xasprintf("%s%s[=%.*s]", dash, name, (int)strlen(argument) - 2, argument + 1)
		     : argument ? xasprintf("%s%s %s", dash, name, argument)
				: xasprintf("%s%s", dash, name);
	int room = 28 - (int)text_columns(left);

	printf("  %s%*s", left, room > 0 ? room : 2, "");
	wrap_print(stdout, help, room > 0 ? 30 : 32 - room);
	free(left);
	free(argument);
}

static const char *common_help(const struct options *o, const struct common_options *values,
			       const struct common_row *row)
{
	if (row->code == CODE_FORMAT && values->formats)
		return values->formats;
	return row->code == CODE_FORMAT && o->takes_csv ? _("table (for people), json or csv (for programs)")
							: _(row->help);
}

static void print_help(const struct options *o, const struct common_options *values)
{
	char *synopsis = in_words(o->synopsis);

	printf(_("Usage: tram %s%s%s\n\n"), o->command, *synopsis ? " " : "", synopsis);
	wrap_print(stdout, _(o->about), 0);
	printf("%s", _("\nOptions:\n"));
	free(synopsis);
	for (size_t i = 0; i < o->n; i++)
		print_row(o->rows[i].name, o->rows[i].argument, _(o->rows[i].help));
	for (size_t i = 0; i < N_COMMON; i++)
		if (is_offered(o, &common_rows[i]))
			print_row(common_rows[i].name, common_rows[i].argument,
				  common_help(o, values, &common_rows[i]));
}

/* ---------------------------------------------------------------- getopt's table */

static int argument_kind(const char *argument)
{
	return !argument ? no_argument : *argument == '[' ? optional_argument : required_argument;
}

static void fill_long_options(const struct options *o, struct option long_options[static ROWS_MAX])
{
	size_t n = 0;

	assert(o->n + N_COMMON < ROWS_MAX);
	for (size_t i = 0; i < o->n; i++) /* one letter: as "--n" too, which does no harm */
		long_options[n++] =
		    (struct option){o->rows[i].name, argument_kind(o->rows[i].argument), NULL, CODE_ROW + (int)i};
	for (size_t i = 0; i < N_COMMON; i++)
		if (is_offered(o, &common_rows[i]))
			long_options[n++] = (struct option){common_rows[i].name, argument_kind(common_rows[i].argument),
							    NULL, common_rows[i].code};
	long_options[n] = (struct option){0};
}

static void fill_letters(const struct options *o, char letters[static 2 * ROWS_MAX + 2])
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		if (o->rows[i].name[1])
			continue;
		letters[n++] = o->rows[i].name[0];
		if (o->rows[i].argument)
			letters[n++] = ':';
	}
	letters[n++] = 'h'; /* as --help, as everybody tries first */
	letters[n] = '\0';
}

/* The row of what getopt found: a letter, or CODE_ROW and more. */
static const struct option_row *row_of(const struct options *o, int code)
{
	for (size_t i = 0; i < o->n; i++)
		if (code == o->rows[i].name[0] && !o->rows[i].name[1])
			return &o->rows[i];
	return &o->rows[code - CODE_ROW];
}

static bool tell_wrong(const struct options *o, const struct option *known, char **argv, int at, struct err *err)
{
	const char *given = at > 0 ? argv[at] : "";
	bool is_short = optopt > 0 && optopt < 256;
	char *name = is_short ? xasprintf("-%c", optopt) : xstrndup(given, strcspn(given, "="));
	struct nearest near = nearest_to(strncmp(name, "--", 2) == 0 ? name + 2 : name);

	for (; known->name; known++) {
		if (known->name[1])
			nearest_try(&near, known->name);
		if (strcmp(known->name, name + (is_short ? 1 : 2)) == 0 && is_short == !known->name[1]) {
			err_set(err, ERR_USAGE,
				known->has_arg ? _("%s needs an argument: tram %s --help")
					       : _("%s takes no argument: tram %s --help"),
				name, o->command);
			free(name);
			return false;
		}
	}
	if (near.found)
		err_set(err, ERR_USAGE, _("unknown option %s; did you mean --%s? tram %s --help lists them"), name,
			near.found, o->command);
	else
		err_set(err, ERR_USAGE, _("unknown option %s: tram %s --help lists them"), name, o->command);
	free(name);
	return false;
}

/* ---------------------------------------------------------------- values */

/* "--wait 5" as well as "--wait=5", though the number may be left out. */
static void take_next_number(int argc, char **argv)
{
	if (!optarg && optind < argc && *argv[optind] && strspn(argv[optind], "0123456789") == strlen(argv[optind]))
		optarg = argv[optind++];
}

static bool set_count(const struct option_row *row, int64_t *to, struct err *err)
{
	char *end;

	if (!optarg) {
		*to = -1; /* given without a number: the command knows its own */
		return true;
	}
	errno = 0;
	*to = strtoll(optarg, &end, 10);
	if (end == optarg || *end || *to < 0)
		return err_set(err, ERR_USAGE, _("%s%s: \"%s\" is not a whole number from 0"),
			       row->name[1] ? "--" : "-", row->name, optarg);
	return errno == 0 ||
	       err_set(err, ERR_USAGE, _("%s%s: %s is more than can be"), row->name[1] ? "--" : "-", row->name, optarg);
}

/* An argument that is empty is a variable of a script that was not set. */
static bool check_filled(const struct options *o, const char *name, const char *argument, struct err *err)
{
	char *word;

	if (!optarg || *optarg)
		return true;
	word = in_words(argument);
	err_set(err, ERR_USAGE, _("%s%s is empty; it needs %s: tram %s --help"), name[1] ? "--" : "-", name, word,
		o->command);
	free(word);
	return false;
}

static bool set_row(const struct options *o, const struct option_row *row, void *values, struct err *err)
{
	void *to = (char *)values + row->offset;
	struct option_list *list = to;

	if (!check_filled(o, row->name, row->argument, err))
		return false;
	switch (row->kind) {
	case OPTION_FLAG: *(bool *)to = true; break;
	case OPTION_TEXT: *(const char **)to = optarg; break;
	case OPTION_COUNT: return set_count(row, to, err);
	case OPTION_LIST:
		if (list->n == OPTION_LIST_MAX)
			return err_set(err, ERR_USAGE, _("--%s may be given %d times at most"), row->name,
				       OPTION_LIST_MAX);
		list->texts[list->n++] = optarg;
		break;
	}
	return true;
}

/* Whether word is one of "a|b|c". */
static bool is_one_of(const char *choices, const char *word)
{
	size_t len = strlen(word);

	for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
		if (len > 0 && strcspn(c, "|") == len && strncmp(c, word, len) == 0)
			return true;
	return false;
}

static bool set_own_format(struct common_options *values, struct err *err)
{
	if (!is_one_of(values->formats, optarg))
		return err_set(err, ERR_USAGE, _("--format %s: use one of %s"), optarg, values->formats);
	values->format_name = optarg;
	return true;
}

static bool set_format(const struct options *o, struct common_options *values, struct err *err)
{
	static const struct {
		const char *name;
		enum table_format format;
	} formats[] = {{"table", TABLE_TEXT}, {"json", TABLE_JSON}, {"csv", TABLE_CSV}};

	for (size_t i = 0; i < (o->takes_csv ? 3 : 2); i++) {
		if (strcmp(formats[i].name, optarg) == 0) {
			values->format = formats[i].format;
			return true;
		}
	}
	return err_set(err, ERR_USAGE, _("--format %s: use %s"), optarg,
		       o->takes_csv ? "table, json, csv" : "table, json");
}

static bool check_language(const char *language, struct err *err)
{
	return lang_is_known(language) || err_set(err, ERR_USAGE, _("--lang %s: use vi or en"), language);
}

bool options_skip_language(int *argc, char ***argv, struct err *err)
{
	bool fine = true;

	while (fine && *argc > 1 && strncmp((*argv)[1], "--lang", 6) == 0) {
		const char *equals = strchr((*argv)[1], '=');
		int n = equals ? 1 : 2;

		if (n >= *argc)
			return err_set(err, ERR_USAGE, _("--lang needs an argument: use vi or en"));
		fine = check_language(equals ? equals + 1 : (*argv)[2], err);
		(*argv)[n] = (*argv)[0];
		*argv += n;
		*argc -= n;
	}
	return fine;
}

/* What the n-th word of a synopsis stands for, in the reader's language; caller frees. */
static char *operand_name(const char *synopsis, size_t n)
{
	for (const char *space; n > 0 && (space = strchr(synopsis, ' ')) != NULL; n--) {
		if (space[-1] == '.')
			break; /* "ID...": and all that follow */
		synopsis = space + 1;
	}
	return in_words_of(synopsis, strcspn(synopsis, " "));
}

/* Which operand is empty; n: none. */
static size_t empty_operand(char **operands, size_t n)
{
	size_t i = 0;

	while (i < n && *operands[i])
		i++;
	return i;
}

static bool check_operands(const struct options *o, char **operands, size_t n, struct err *err)
{
	size_t empty = empty_operand(operands, n);
	char *synopsis, *name;

	if (n >= o->operands_min && n <= o->operands_max && empty == n)
		return true;
	synopsis = in_words(o->synopsis);
	name = operand_name(o->synopsis, empty);
	if (empty < n)
		err_set(err, ERR_USAGE, _("%s is empty: tram %s %s"), name, o->command, synopsis);
	else if (n < o->operands_min)
		err_set(err, ERR_USAGE, _("%s is missing: tram %s %s"), name, o->command, synopsis);
	else
		err_set(err, ERR_USAGE, _("\"%s\" is too much: tram %s %s"), operands[o->operands_max], o->command,
			synopsis);
	free(name);
	free(synopsis);
	return false;
}

enum options_result options_parse(const struct options *o, int argc, char **argv, struct common_options *values,
				  int *ret_first, struct err *err)
{
	struct option known[ROWS_MAX];
	char letters[2 * ROWS_MAX + 2];
	const char *socket = getenv("TRAM_AGENT_SOCKET");
	bool ok = true;
	int code;

	fill_long_options(o, known);
	fill_letters(o, letters);
	values->agent_socket = socket && *socket ? socket : DEFAULT_SOCKET;
	opterr = 0;
	optind = 0;
	while (ok && (code = getopt_long(argc, argv, letters, known, NULL)) != -1) {
		switch (code) {
		case 'h':
		case CODE_HELP: print_help(o, values); return OPTIONS_HELPED;
		case CODE_FORMAT:
			ok = values->formats ? set_own_format(values, err) : set_format(o, values, err);
			break;
		case CODE_SOCKET:
			ok = check_filled(o, "agent-socket", "PATH", err);
			values->agent_socket = optarg;
			break;
		case CODE_LANG: ok = check_language(optarg, err); break; /* main() has heeded it already */
		case '?': ok = tell_wrong(o, known, argv, optind - 1, err); break;
		default:
			if (row_of(o, code)->kind == OPTION_COUNT)
				take_next_number(argc, argv);
			ok = set_row(o, row_of(o, code), values, err);
		}
	}
	*ret_first = optind;
	return ok && check_operands(o, argv + optind, (size_t)(argc - optind), err) ? OPTIONS_GO : OPTIONS_WRONG;
}
