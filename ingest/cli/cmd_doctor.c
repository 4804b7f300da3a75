/* SPDX-License-Identifier: Apache-2.0 */
/* tram doctor: one look after the other at what lies between a file and the centre, and what to do where it fails. */
#include "cli.h"
#include "lang.h"
#include "mem.h"
#include "status.h"
#include "terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define SETTINGS_FILE "/etc/tram/tram-agent.conf"
#define SKEW_MS_MAX   300000 /* five minutes: the rules' own measure */
#define WAITING_S_MAX 3600
#define OUTPUT_MAX    4096

struct doctor_options {
	struct common_options common;
	const char *settings;
};

enum health { HEALTH_FINE, HEALTH_DOUBTFUL, HEALTH_ILL, HEALTH_UNKNOWN };

/* What a look saw. */
struct sight {
	enum health health;
	int status; /* the exit status that an ill one makes */
	char *what, *remedy;
};

struct patient {
	const struct doctor_options *options;
	Tram__Control__V1__Status *status; /* NULL: no agent answers */
	struct err err;                    /* and then why */
};

static void see(struct sight *s, enum health health, int status, const char *remedy, const char *format, ...)
    PRINTF_LIKE(5, 6);

static void see(struct sight *s, enum health health, int status, const char *remedy, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(&s->what, format, args) < 0)
		abort();
	va_end(args);
	s->health = health;
	s->status = status;
	s->remedy = xstrdup(remedy);
}

static const char *said(const struct patient *p, const char *field)
{
	return status_value(p->status, field);
}

static int64_t said_number(const struct patient *p, const char *field)
{
	return strtoll(said(p, field), NULL, 10);
}

/* ---------------------------------------------------------------- the settings */

static char *find_agent(void)
{
	static const char *const ways[] = {"tram-agent", "../sbin/tram-agent"};
	char *folder = cli_program_folder(), *path = NULL;

	for (size_t i = 0; i < sizeof ways / sizeof *ways && !path; i++) {
		path = xasprintf("%s/%s", folder, ways[i]);
		if (access(path, X_OK) != 0) {
			free(path);
			path = NULL;
		}
	}
	free(folder);
	return path;
}

static pid_t start(const char *path, const char *settings, int output)
{
	char *const argv[] = {xstrdup("tram-agent"), xstrdup("-n"), xstrdup("-c"), xstrdup(settings), NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_adddup2(&actions, output, 2);
	if (posix_spawn(&pid, path, &actions, NULL, argv, environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; i < 4; i++)
		free(argv[i]);
	return pid;
}

/* What `tram-agent -n` says of the settings, and how it ended; -1 when it could not be asked. */
static int ask_agent(const char *path, const char *settings, char *output, size_t size)
{
	size_t used = 0;
	int ends[2], state = -1;
	ssize_t n;
	pid_t pid;

	output[0] = 0;
	if (pipe(ends) != 0)
		return -1;
	pid = start(path, settings, ends[1]);
	close(ends[1]);
	while (pid > 0 && used + 1 < size &&
	       ((n = read(ends[0], output + used, size - used - 1)) > 0 || (n < 0 && errno == EINTR)))
		used += n > 0 ? (size_t)n : 0;
	close(ends[0]);
	output[used] = 0;
	while (used && output[used - 1] == '\n')
		output[--used] = 0;
	if (pid > 0)
		waitpid(pid, &state, 0);
	return pid > 0 && WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static void look_at_settings(const struct patient *p, struct sight *s)
{
	char *path = find_agent(), output[OUTPUT_MAX];
	int status = path ? ask_agent(path, p->options->settings, output, sizeof output) : -1;

	if (!path)
		see(s, HEALTH_UNKNOWN, 0, "", _("tram-agent is not installed beside this program"));
	else if (status < 0)
		see(s, HEALTH_UNKNOWN, 0, "", _("tram-agent could not be asked"));
	else if (status != 0 && access(p->options->settings, R_OK) != 0)
		see(s, HEALTH_UNKNOWN, 0,
		    errno == EACCES ? _("run tram doctor as root")
				    : _("name the agent's settings with --settings FILE"),
		    _("%s: %s"), p->options->settings, strerror(errno));
	else if (status != 0)
		see(s, HEALTH_ILL, EX_CONFIG, _("correct the settings; then: systemctl restart tram-agent"), "%s",
		    output);
	else
		see(s, HEALTH_FINE, 0, "", "%s", output);
	free(path);
}

/* ---------------------------------------------------------------- what the agent says */

static void look_at_agent(const struct patient *p, struct sight *s)
{
	if (!p->status)
		see(s, HEALTH_ILL, p->err.kind,
		    p->err.kind == ERR_UNAVAILABLE
			? _("start it: systemctl start tram-agent; why it ended: journalctl -u tram-agent -e")
			: "",
		    "%s", p->err.text);
	else if (strcmp(said(p, "version"), TRAM_VERSION) != 0)
		see(s, HEALTH_DOUBTFUL, 0, _("restart it after an upgrade: systemctl restart tram-agent"),
		    _("%s runs, as version %s; this program is %s"), said(p, "agent"), said(p, "version"),
		    TRAM_VERSION);
	else
		see(s, HEALTH_FINE, 0, "", _("%s runs"), said(p, "agent"));
}

static void look_at_link(const struct patient *p, struct sight *s)
{
	const char *centre_says = said(p, "centre_says");

	if (strcmp(said(p, "state"), "streaming") == 0)
		see(s, HEALTH_FINE, 0, "", _("linked to %s"), said(p, "centre"));
	else if (*centre_says)
		see(s, HEALTH_ILL, EX_UNAVAILABLE, said(p, "remedy"), _("not linked to %s: %s (the centre says: %s)"),
		    said(p, "centre"), said(p, "why"), centre_says);
	else
		see(s, HEALTH_ILL, EX_UNAVAILABLE, said(p, "remedy"), _("not linked to %s: %s"), said(p, "centre"),
		    said(p, "why"));
}

static void look_at_door(const struct patient *p, struct sight *s)
{
	if (*said(p, "door_refuses"))
		see(s, HEALTH_ILL, EX_CANTCREAT, _("make room under the outbox; nothing that is in it is lost"), "%s",
		    said(p, "door_refuses"));
	else
		see(s, HEALTH_FINE, 0, "", _("hand-ins are taken"));
}

static void look_at_waiting(const struct patient *p, struct sight *s)
{
	if (said_number(p, "pending") == 0)
		see(s, HEALTH_FINE, 0, "", _("nothing waits: the centre has all %s reports"), said(p, "handed_in"));
	else if (said_number(p, "oldest_pending_age_s") < WAITING_S_MAX)
		see(s, HEALTH_FINE, 0, "", _("%s reports are on their way"), said(p, "pending"));
	else
		see(s, HEALTH_DOUBTFUL, 0, _("they are safe in the outbox and go by themselves once the link is there"),
		    _("%s reports wait, the oldest since %s"), said(p, "pending"), said(p, "oldest_pending"));
}

static void look_at_codes(const struct patient *p, struct sight *s)
{
	if (said_number(p, "catalogue_version") > 0)
		see(s, HEALTH_FINE, 0, "", _("codes are checked here, by catalogue version %s"),
		    said(p, "catalogue_version"));
	else
		see(s, HEALTH_DOUBTFUL, 0, _("they come by themselves with the first link to the centre"),
		    _("the agent has no codes from the centre yet: wrong ones are found only there"));
}

static void look_at_clock(const struct patient *p, struct sight *s)
{
	int64_t skew = said_number(p, "clock_skew_ms");

	if (!*said(p, "clock_skew_ms"))
		see(s, HEALTH_UNKNOWN, 0, "", _("not compared with the centre's yet"));
	else if (skew > SKEW_MS_MAX || skew < -SKEW_MS_MAX)
		see(s, HEALTH_ILL, EX_CONFIG, _("set this machine's clock: timedatectl set-ntp true"),
		    _("%" PRId64 " seconds away from the centre's"), skew / 1000);
	else
		see(s, HEALTH_FINE, 0, "", _("agrees with the centre's"));
}

/* ---------------------------------------------------------------- the round */

/* In this order: what comes first makes the rest fail. */
static const struct {
	const char *key, *title;
	bool asks_agent; /* without an agent there is nothing to see */
	void (*look)(const struct patient *p, struct sight *s);
} looks[] = {
    {"settings", N_("settings"), false, look_at_settings},
    {"agent", N_("agent"), false, look_at_agent},
    {"link", N_("link"), true, look_at_link},
    {"hand_in", N_("hand-in"), true, look_at_door},
    {"waiting", N_("waiting"), true, look_at_waiting},
    {"codes", N_("codes"), true, look_at_codes},
    {"clock", N_("clock"), true, look_at_clock},
};

static const struct {
	const char *code, *sign, *colour;
} healths[] = {[HEALTH_FINE] = {"fine", "✓", "green"},
	       [HEALTH_DOUBTFUL] = {"doubtful", "!", "yellow"},
	       [HEALTH_ILL] = {"ill", "✗", "red"},
	       [HEALTH_UNKNOWN] = {"unknown", "-", "dim"}};

static void print_sight(const char *title, const struct sight *s)
{
	const char *colour = healths[s->health].colour;

	printf("%s%s%s ", terminal_begin(stdout, colour), healths[s->health].sign, terminal_end(stdout));
	terminal_label(stdout, title, 12);
	printf(" %s\n", s->what);
	if (*s->remedy)
		printf("  %-12s %s %s\n", "", _("remedy:"), s->remedy);
}

static json_t *sight_json(const char *key, const struct sight *s)
{
	return json_pack("{ss ss ss ss}", "look", key, "health", healths[s->health].code, "found", s->what, "remedy",
			 s->remedy);
}

/* Looks at everything; returns the first ill one's exit status. */
static int examine(const struct patient *p, json_t *gather)
{
	int status = EX_OK;

	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
		struct sight s = {0};

		if (looks[i].asks_agent && !p->status)
			continue;
		looks[i].look(p, &s);
		if (s.health == HEALTH_ILL && status == EX_OK)
			status = s.status;
		if (gather)
			json_array_append_new(gather, sight_json(looks[i].key, &s));
		else
			print_sight(_(looks[i].title), &s);
		free(s.what);
		free(s.remedy);
	}
	return status;
}

static const struct option_row doctor_rows[] = {
    {"settings", "FILE", OPTION_TEXT, offsetof(struct doctor_options, settings),
     N_("the agent's settings (/etc/tram/tram-agent.conf)")},
};

static const struct options doctor_spec = {
    "doctor",
    "[OPTION]...",
    N_("Looks at what lies between a file and the centre, and says what to do where it fails."),
    true,
    false,
    doctor_rows,
    1,
    0,
    0};

int cmd_doctor(int argc, char **argv)
{
	struct doctor_options o = {.settings = SETTINGS_FILE};
	struct patient p = {.options = &o};
	struct err err;
	json_t *gather;
	int first, status;

	switch (options_parse(&doctor_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	p.status = status_fetch(o.common.agent_socket, &p.err);
	gather = o.common.format == TABLE_JSON ? json_array() : NULL;
	status = examine(&p, gather);
	if (gather && !cli_print_json(gather, &err))
		status = cli_fail(&err);
	if (p.status)
		tram__control__v1__status__free_unpacked(p.status, NULL);
	return status;
}
