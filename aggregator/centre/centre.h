/* SPDX-License-Identifier: Apache-2.0 */
/*
 * centre - what the centre's commands have in common: their table, the database they ask, and how they end.
 *
 * A command gets argv from its own name on ("agents list" counts as one: argv[0]) and returns an exit status of
 * sysexits.h. Each connects with the role that its work needs and no more.
 */
#ifndef TRAM_CENTRE_H
#define TRAM_CENTRE_H

#include "moment.h"
#include "options.h"
#include "settings.h"
#include "store_centre.h"
#include "table.h"

typedef int centre_command(int argc, char **argv);
#define COMMAND(id, name, section, help, run) centre_command run;
#include "centre.def"
#undef COMMAND

/* Runs what the command line (of tram or tram-centre) asks for; returns the exit status. */
int centre_run(int argc, char **argv);

/* The first member of the struct of a command that asks the database. */
struct centre_options {
	struct common_options common;
	const char *centre;   /* settings file */
	const char *database; /* conninfo instead of the settings' */
};

/* Its rows in the table of options. */
#define CENTRE_ROWS(type)                                                                                              \
	{"centre", "FILE", OPTION_TEXT, offsetof(struct type, centre.centre),                                          \
	 N_("the centre's settings (TRAM_CENTRE, else /etc/tram/tram-aggregator.conf)")},                              \
	{                                                                                                              \
		"database", "CONNINFO", OPTION_TEXT, offsetof(struct type, centre.database),                           \
		    N_("this database instead of the one in the settings")                                             \
	}

enum centre_role { CENTRE_READER, CENTRE_AUDITOR, CENTRE_OPERATOR, CENTRE_ADMIN, CENTRE_OWNER };

/* Connects as the options and the settings file say. NULL and *err when that fails. Closed with store_close(). */
struct store *centre_connect(const struct centre_options *options, enum centre_role role, struct err *err) MUST_CHECK;

/* The centre's settings file. Ends with settings_clear(). */
bool centre_settings(const struct centre_options *options, struct settings *ret, struct err *err) MUST_CHECK;

/* Who is logged in, for what is put on record; NULL when nobody knows. The system's, until the next call. */
const char *centre_login_name(void);

/* Whether the moment that an option names has come, by the database's clock (moment.h). text NULL: none was named. */
bool centre_moment_came(struct store *s, enum moment_option option, const char *text, struct err *err) MUST_CHECK;

/* Whether it says nothing: NULL, or white space. */
bool centre_is_blank(const char *text);

/* Prints the error on stderr and returns its exit status. */
int centre_fail(const struct err *err);

/* A cell with a moment: Viet Nam's time for people, RFC 3339 in UTC for programs, nothing for 0. */
void centre_cell_time(struct table *t, bool for_people, int64_t us);

/* options_parse(), which prints help and errors itself: true to go on, else *ret_status is the exit status. */
bool centre_parse(const struct options *spec, int argc, char **argv, struct common_options *values, int *ret_first,
		  int *ret_status);

#endif
