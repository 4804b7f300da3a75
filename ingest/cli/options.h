/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options - a command's options from one table: the parser, --help and the test against the man page read it.
 *
 * Every command also takes --format, --lang, --help, and those that speak to the agent --agent-socket. One thread.
 */
#ifndef TRAM_OPTIONS_H
#define TRAM_OPTIONS_H

#include "err.h"
#include "table.h"

#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG,  /* bool */
	OPTION_TEXT,  /* const char *, of argv */
	OPTION_COUNT, /* int64_t from 0 */
	OPTION_LIST,  /* struct option_list, each use adds one */
};

#define OPTION_LIST_MAX 256
struct option_list {
	const char *texts[OPTION_LIST_MAX];
	size_t n;
};

struct option_row {
	const char *name;     /* "reference-date"; of one letter: "-n" */
	const char *argument; /* "DATE"; NULL for a flag; "[SECONDS]" when it may be left out (--wait=5) */
	enum option_kind kind;
	size_t offset;    /* into the command's struct */
	const char *help; /* N_("...") */
};

/* The first member of every command's struct. */
struct common_options {
	enum table_format format;
	const char *agent_socket;
	const char *formats;     /* set before: "text|json|logfmt", the command's own; NULL: table and json (and csv) */
	const char *format_name; /* which of these; NULL: not given */
};

struct options {
	const char *command; /* "outbox show" */
	const char *synopsis;
	const char *about; /* a paragraph; N_("...") */
	bool asks_agent;   /* takes --agent-socket */
	bool takes_csv;    /* --format csv too */
	const struct option_row *rows;
	size_t n;
	size_t operands_min, operands_max;
};

enum options_result { OPTIONS_GO, OPTIONS_HELPED, OPTIONS_WRONG };

/*
 * Fills the struct that *values begins; operands are then argv[*ret_first] to argv[argc - 1] (options may stand between
 * them). OPTIONS_HELPED: --help was printed. OPTIONS_WRONG: *err says what and how to mend it.
 */
enum options_result options_parse(const struct options *options, int argc, char **argv, struct common_options *values,
				  int *ret_first, struct err *err);

/* Passes over a --lang that stands before the command: *argv is moved on, with its own name. main() has heeded it. */
bool options_skip_language(int *argc, char ***argv, struct err *err) MUST_CHECK;

#endif
