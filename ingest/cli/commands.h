/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands - the table of all commands, and the way from a command line to its command.
 */
#ifndef TRAM_COMMANDS_H
#define TRAM_COMMANDS_H

#include "cli.h"

#include <stddef.h>

enum command_section { SECTION_PROVINCE, SECTION_KEYS, SECTION_CENTRE, SECTIONS };

struct command {
	const char *name; /* "submit", "outbox list" */
	enum command_section section;
	const char *help;      /* one line; N_("...") */
	command_function *run; /* NULL: of the centre's package, which gets the same command line */
};

extern const struct command commands[];
extern const size_t n_commands;

/* Runs what the command line asks for; returns the exit status. */
int commands_run(int argc, char **argv);

/* The program of the centre's package, seen from a folder with this program; NULL when it is not there. Caller frees. */
char *commands_find_centre(const char *folder);

#endif
