/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli - the commands of the program tram: one table (commands.def), one function a command.
 *
 * A command gets argv from its own name on ("outbox show" counts as one: argv[0]) and returns an exit status of
 * sysexits.h, or what cli_fail() returns.
 */
#ifndef TRAM_CLI_H
#define TRAM_CLI_H

#include "err.h"
#include "options.h"

#include <stdint.h>

typedef int command_function(int argc, char **argv);

command_function cmd_submit, cmd_check, cmd_withdraw;
command_function cmd_status, cmd_doctor, cmd_verdicts, cmd_outbox_list, cmd_outbox_show;
command_function cmd_outbox_export, cmd_receipt, cmd_trace, cmd_verify;
command_function cmd_keys_make, cmd_keys_show;
command_function cmd_tail, cmd_todo;

/* Prints the error on stderr and returns its exit status. */
int cli_fail(const struct err *err);

/* Prints one JSON value on stdout, with a line end; gives it back. False and *err when stdout takes no more. */
struct json_t;
bool cli_print_json(struct json_t *value, struct err *err) MUST_CHECK;

/* "4211" or "4211-4260". Returns buf. */
char *cli_range(uint64_t first, uint64_t last, char buf[static 48]);

/* Puts the program of the centre's package in this one's place, with the command line argv (argv[1] is the command);
 * returns an exit status only when that fails. */
int cli_run_centre(char **argv);

/* The same for a command that is a province's too: argv as the command got it. */
int cli_run_as_centre(int argc, char **argv);

/* Whether the option, with its dashes, is in argv: "--proof" or "--proof=FILE". */
bool cli_names_option(int argc, char **argv, const char *option);

/* The folder of this very program; caller frees. Never NULL. */
char *cli_program_folder(void);

#endif
