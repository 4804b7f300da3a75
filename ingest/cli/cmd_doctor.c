/* SPDX-License-Identifier: Apache-2.0 */
/* tram doctor: one look after the other at what lies between a file and the centre, and what to do where it fails. */
#include "cli.h"
#include "conf.h"
#include "lang.h"
#include "mem.h"
#include "status.h"
#include "terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pwd.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define SETTINGS_FILE "/etc/tram/tram-agent.conf"
#define SKEW_MS_MAX   300000 /* five minutes: the rules' own measure */
#define WAITING_S_MAX 3600
#define COPY_S        40 /* so long after another copy took over it is taken to be there still */
#define NEW_S         86400
#define OUTPUT_MAX    4096

struct doctor_options {
	struct common_options common;
	const char *settings;
};

enum health { HEALTH_FINE, HEALTH_DOUBTFUL, HEALTH_ILL, HEALTH_UNKNOWN };

/* What a look saw. */
struct sight {
	enum health health;
	int status;       /* the exit status that an ill one makes */
	const char *code; /* for programs; kept */
	char *what, *remedy;
	char *command; /* to be run next, as it stands; NULL: none */
};

struct patient {
	const struct doctor_options *options;
	Tram__Control__V1__Status *status; /* NULL: no agent answers */
	struct err err;                    /* and then why */
	char *program;                     /* tram-agent's path; NULL: not found */
};

static void see(struct sight *s, enum health health, int status, const char *code, const char *remedy,
		const char *format, ...) PRINTF_LIKE(6, 7);

static void see(struct sight *s, enum health health, int status, const char *code, const char *remedy,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vasprintf(&s->what, format, args) < 0)
		abort();
	va_end(args);
	s->health = health;
	s->status = status;
	s->code = code;
	s->remedy = xstrdup(remedy);
}

static const char *said(const struct patient *p, const char *field)
{
	return status_value(p->status, field);
}

static const char *words(const struct patient *p, const char *field)
{
	return status_words(p->status, field);
}

static bool is_linked(const struct patient *p)
{
	return strcmp(said(p, "state"), "streaming") == 0;
}

static int64_t said_number(const struct patient *p, const char *field)
{
	return strtoll(said(p, field), NULL, 10);
}

/* ---------------------------------------------------------------- what to run next */

/* Before a command that must be run by the service's user, who owns the outbox; caller frees. */
static char *as_owner(const char *directory)
{
	struct stat folder;
	struct passwd *owner = stat(directory, &folder) == 0 ? getpwuid(folder.st_uid) : NULL;

	return owner && owner->pw_uid != 0 ? xasprintf("runuser -u %s -- ", owner->pw_name) : xstrdup("");
}

/* All that is kept, and not only what was never acknowledged: the centre may have lost of that, and skips what it has. */
static char *command_renew(const struct patient *p)
{
	char *owner = as_owner(said(p, "directory"));
	char *command = xasprintf("systemctl stop tram-agent && %s%s --renew-all -c %s && systemctl start tram-agent",
				  owner, p->program ? p->program : "tram-agent", p->options->settings);

	free(owner);
	return command;
}

static char *command_stop_copy(const struct patient *p)
{
	(void)p;
	return xstrdup("systemctl disable --now tram-agent");
}

/* The file that a setting names, as it is written there, beside the settings if it is not absolute; caller frees. */
static char *setting(const struct patient *p, const char *name, const char *initial)
{
	const char *file = p->options->settings, *slash = strrchr(file, '/');
	struct err err;
	char *value = NULL, *path;

	if (!conf_peek(file, name, &value, &err) || !value)
		return xstrdup(initial);
	if (*value == '/' || !slash)
		return value;
	path = xasprintf("%.*s/%s", (int)(slash - file), file, value);
	free(value);
	return path;
}

static char *command_show_own_key(const struct patient *p)
{
	char *key = setting(p, "key_file", "/etc/tram/agent.key");
	char *command = xasprintf("tram keys show %s", key);

	free(key);
	return command;
}

static char *command_show_centre_key(const struct patient *p)
{
	char *key = setting(p, "centre_key_file", "/etc/tram/centre.pub");
	char *command = xasprintf("tram keys show %s", key);

	free(key);
	return command;
}

static char *command_try_line(const struct patient *p)
{
	const char *host = said(p, "centre"), *colon = strrchr(host, ':');

	if (strncmp(host, "tcp://", 6) != 0 || !colon || colon < host + 6)
		return NULL;
	return xasprintf("timeout 5 bash -c '</dev/tcp/%.*s/%s' && echo open", (int)(colon - host - 6), host + 6,
			 colon + 1);
}

static char *command_log(const struct patient *p)
{
	(void)p;
	return xstrdup("journalctl -u tram-agent -n 50 --no-pager");
}

static char *command_disk(const struct patient *p)
{
	return xasprintf("df -h %s", said(p, "directory"));
}

static char *command_edit(const struct patient *p)
{
	return xasprintf("${EDITOR:-nano} %s && systemctl restart tram-agent", p->options->settings);
}

/* Twice as much as now, and taken up without a restart. */
static char *command_more_room(const struct patient *p)
{
	int64_t mib = said_number(p, "outbox_bytes_max") / (512 << 10);

	return xasprintf("sed -i '/^[[:space:]]*outbox_bytes[[:space:]]*=/d' %s && echo 'outbox_bytes = %" PRId64
			 "MiB' >>%s && systemctl reload tram-agent",
			 p->options->settings, mib, p->options->settings);
}

static char *command_room(const struct patient *p)
{
	return strcmp(said(p, "door"), "outbox_full") == 0 ? command_more_room(p) : command_disk(p);
}

static char *command_set_aside(const struct patient *p)
{
	char *directory = setting(p, "directory", "/var/lib/tram-agent"), *owner = as_owner(directory);
	char *command = xasprintf("%smkdir %s/set-aside && mv %s/outbox.db* %s/set-aside/ && "
				  "systemctl restart tram-agent",
				  owner, directory, directory, directory);

	free(directory);
	free(owner);
	return command;
}

/* ---------------------------------------------------------------- the settings */

static char *find_agent(void)
{
	static const char *const ways[] = {"tram-agent", "../sbin/tram-agent"};
	char *folder = cli_program_folder(), *path = NULL, *found = NULL;

	for (size_t i = 0; i < sizeof ways / sizeof *ways && !found; i++) {
		path = xasprintf("%s/%s", folder, ways[i]);
		if (access(path, X_OK) == 0)
			found = realpath(path, NULL);
		free(path);
	}
	free(folder);
	return found;
}

static pid_t start(const char *path, const char *settings, int output)
{
	char *const argv[] = {xstrdup("tram-agent"), xstrdup("-n"),     xstrdup("--coded"),
			      xstrdup("-c"),         xstrdup(settings), NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_adddup2(&actions, output, 2);
	if (posix_spawn(&pid, path, &actions, NULL, argv, environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; argv[i]; i++)
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

/* What tram-agent's codes mean, and what helps. */
static const struct {
	const char *code, *remedy;
	char *(*command)(const struct patient *p);
} mistakes[] = {
    {"settings_wrong", N_("correct the settings"), command_edit},
    {"keys_wrong",
     N_("put the right key files where the settings say; they must be the service's own. A new agent's are made with "
	"tram keys make, as the service's user"),
     command_show_own_key},
    {"outbox_wrong",
     N_("name this agent's own folder as directory in the settings; or, if the file came here by mistake, set it "
	"aside: a "
	"new outbox begins, and what is in the old one stays there"),
     command_set_aside},
    {"outbox_damaged", N_("keep the file, look at the disk, and call the centre"), command_log},
    {"outbox_unwritable", N_("make the folder the service's own"), command_log},
};

static void see_mistake(const struct patient *p, struct sight *s, const char *output)
{
	const char *tab = strchr(output, '\t');

	for (size_t i = 0; tab && i < sizeof mistakes / sizeof *mistakes; i++)
		if (strncmp(mistakes[i].code, output, (size_t)(tab - output)) == 0) {
			see(s, HEALTH_ILL, EX_CONFIG, mistakes[i].code, _(mistakes[i].remedy), "%s", tab + 1);
			s->command = mistakes[i].command(p);
			return;
		}
	see(s, HEALTH_ILL, EX_CONFIG, "settings_wrong", _("correct the settings"), "%s", output);
	s->command = command_edit(p);
}

static void look_at_settings(const struct patient *p, struct sight *s)
{
	char output[OUTPUT_MAX];
	const char *file = p->options->settings;
	int status = p->program ? ask_agent(p->program, file, output, sizeof output) : -1;

	if (strcmp(file, SETTINGS_FILE) != 0 && access(file, R_OK) != 0) /* named, and not there */
		see(s, HEALTH_ILL, EX_NOINPUT, "settings_unread",
		    errno == EACCES ? _("run tram doctor as root")
				    : _("name the agent's settings with --settings FILE"),
		    _("%s: %s"), file, strerror(errno));
	else if (!p->program)
		see(s, HEALTH_UNKNOWN, 0, "no_program", "", _("tram-agent is not installed beside this program"));
	else if (status < 0)
		see(s, HEALTH_UNKNOWN, 0, "no_program", "", _("tram-agent could not be asked"));
	else if (status != 0 && access(file, R_OK) != 0)
		see(s, HEALTH_UNKNOWN, 0, "settings_unread",
		    errno == EACCES ? _("run tram doctor as root")
				    : _("name the agent's settings with --settings FILE"),
		    _("%s: %s"), file, strerror(errno));
	else if (status != 0)
		see_mistake(p, s, output);
	else
		see(s, HEALTH_FINE, 0, "fine", "", "%s", strchr(output, '\t') ? strchr(output, '\t') + 1 : output);
}

/* ---------------------------------------------------------------- what the agent says */

static void look_at_agent(const struct patient *p, struct sight *s)
{
	bool is_away = !p->status && p->err.kind == ERR_UNAVAILABLE;

	if (!p->status) {
		see(s, HEALTH_ILL, p->err.kind, is_away ? "not_running" : "no_agent",
		    is_away ? _("start it: systemctl start tram-agent; why it ended: journalctl -u tram-agent -e") : "",
		    "%s", p->err.text);
		s->command = xstrdup("systemctl start tram-agent || journalctl -u tram-agent -n 50 --no-pager");
	} else if (strcmp(said(p, "version"), TRAM_VERSION) != 0) {
		see(s, HEALTH_DOUBTFUL, 0, "version", _("restart it after an upgrade: systemctl restart tram-agent"),
		    _("%s runs, as version %s; this program is %s"), said(p, "agent"), said(p, "version"),
		    TRAM_VERSION);
		s->command = xstrdup("systemctl restart tram-agent");
	} else {
		see(s, HEALTH_FINE, 0, "fine", "", _("%s runs"), said(p, "agent"));
	}
}

/* What to run next for each cause (cause.def) that is not over by itself. */
static const struct {
	const char *cause;
	char *(*command)(const struct patient *p);
} causes[] = {
    {"forked", command_renew},
    {"trimmed", command_renew},
    {"superseded", command_stop_copy},
    {"not_accepted", command_show_own_key},
    {"unknown_agent", command_show_own_key},
    {"key_refused", command_show_own_key},
    {"revoked", command_show_own_key},
    {"bad_signature", command_show_own_key},
    {"wrong_agent", command_edit},
    {"not_the_centre", command_edit},
    {"wrong_centre_key", command_show_centre_key},
    {"starting", command_try_line},
    {"disconnected", command_try_line},
    {"silent", command_try_line},
    {"outbox_full", command_room},
};

static char *command_for(const struct patient *p, const char *cause)
{
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
		if (strcmp(causes[i].cause, cause) == 0)
			return causes[i].command(p);
	return command_log(p);
}

static void look_at_link(const struct patient *p, struct sight *s)
{
	const char *centre_says = status_centre_says(p->status), *cause = said(p, "cause");

	if (is_linked(p) && *cause) {
		see(s, HEALTH_DOUBTFUL, 0, cause, words(p, "remedy"), _("linked to %s: %s"), said(p, "centre"),
		    words(p, "why"));
		return;
	}
	if (is_linked(p)) {
		see(s, HEALTH_FINE, 0, "fine", "", _("linked to %s"), said(p, "centre"));
		return;
	}
	if (*centre_says)
		see(s, HEALTH_ILL, EX_UNAVAILABLE, *cause ? cause : "not_linked", words(p, "remedy"),
		    _("not linked to %s: %s (the centre says: %s)"), said(p, "centre"), words(p, "why"), centre_says);
	else
		see(s, HEALTH_ILL, EX_UNAVAILABLE, *cause ? cause : "not_linked", words(p, "remedy"),
		    _("not linked to %s: %s"), said(p, "centre"), words(p, "why"));
	s->command = command_for(p, cause);
}

/* Two copies take turns: either of them is linked now and then. */
static void look_at_copies(const struct patient *p, struct sight *s)
{
	bool lately = *said(p, "superseded_s_ago") && said_number(p, "superseded_s_ago") < COPY_S;

	if (!lately) {
		see(s, HEALTH_FINE, 0, "fine", "", _("no other copy of this agent is about"));
		return;
	}
	see(s, HEALTH_ILL, EX_CONFIG, "copied",
	    _("run it on the machine that is not to go on. If its outbox took hand-ins meanwhile, let tram doctor look "
	      "there "
	      "first: they must reach the centre before"),
	    _("another copy of this agent, with its keys, took the link over %s seconds ago"),
	    said(p, "superseded_s_ago"));
	s->command = command_stop_copy(p);
}

static void look_at_outbox(const struct patient *p, struct sight *s)
{
	int64_t earlier = said_number(p, "earlier_verdicts");

	if (strcmp(said(p, "door"), "outbox_deleted") == 0) {
		see(s, HEALTH_ILL, EX_CANTCREAT, "outbox_deleted",
		    said_number(p, "pending")
			? _("do not stop the agent before nothing waits: tram status. Then start it anew")
			: _("start the agent anew: a new outbox begins"),
		    "%s", words(p, "door_refuses"));
		s->command = xstrdup(said_number(p, "pending") ? "tram status" : "systemctl restart tram-agent");
	} else if (*said(p, "missing")) {
		see(s, HEALTH_ILL, EX_DATAERR, "missing",
		    _("hand in their files again, after the outbox was renewed; what the centre has comes out as "
		      "duplicate"),
		    _("the centre lost the reports %s, and they are not kept here any more"), said(p, "missing"));
		s->command = command_renew(p);
	} else if (earlier > 0 && !*said(p, "previous_epoch") && said_number(p, "outbox_age_s") < NEW_S) {
		see(s, HEALTH_DOUBTFUL, 0, "new_outbox",
		    _("what has no verdict there was never sent: hand it in again"),
		    _("begun anew at %s without the one before, of which the centre knows"), said(p, "outbox_since"));
		s->command = xstrdup("tram verdicts");
	} else {
		see(s, HEALTH_FINE, 0, "fine", "", _("kept since %s"), said(p, "outbox_since"));
	}
}

static void look_at_door(const struct patient *p, struct sight *s)
{
	const char *code = said(p, "door");
	int64_t used = said_number(p, "outbox_bytes"), most = said_number(p, "outbox_bytes_max");

	if (!*said(p, "door_refuses") && most > 0 && used > most / 4 * 3) {
		see(s, HEALTH_DOUBTFUL, 0, "nearly_full",
		    _("let it hold more; it empties when the centre acknowledges and the retention is over"),
		    _("small hand-ins are taken, but the outbox is nearly full: %" PRId64 " of %" PRId64 " bytes"),
		    used, most);
		s->command = command_more_room(p);
		return;
	}
	if (!*said(p, "door_refuses")) {
		see(s, HEALTH_FINE, 0, "fine", "", _("hand-ins are taken"));
		return;
	}
	see(s, HEALTH_ILL, EX_CANTCREAT, *code ? code : "refused",
	    _("make room under the outbox; nothing that is in it is lost"), "%s", words(p, "door_refuses"));
	s->command = command_room(p);
}

static void look_at_waiting(const struct patient *p, struct sight *s)
{
	unsigned long pending = (unsigned long)said_number(p, "pending");

	if (pending == 0)
		see(s, HEALTH_FINE, 0, "fine", "", _("nothing waits: the centre has all that was handed in (%s)"),
		    said(p, "handed_in"));
	else if (is_linked(p) && said_number(p, "oldest_pending_age_s") < WAITING_S_MAX)
		see(s, HEALTH_FINE, 0, "on_their_way", "",
		    ngettext("%s report is on its way", "%s reports are on their way", pending), said(p, "pending"));
	else
		see(s, HEALTH_DOUBTFUL, 0, "waiting",
		    _("they are safe in the outbox and go by themselves once the link is there"),
		    ngettext("%s report waits, since %s", "%s reports wait, the oldest since %s", pending),
		    said(p, "pending"), said(p, "oldest_pending"));
}

/* What the centre signs with is in the same file as the key of the connection, and may be wrong by itself. */
static void look_at_proofs(const struct patient *p, struct sight *s)
{
	if (said_number(p, "ignored_unverified") == 0 || said_number(p, "pending") == 0) {
		see(s, HEALTH_FINE, 0, "fine", "", _("what the centre acknowledges is signed by it"));
		return;
	}
	see(s, HEALTH_ILL, EX_CONFIG, "acks_unverified",
	    _("compare the fingerprint of centre_key_file with the centre's by telephone, and get the right file"),
	    _("the centre's acknowledgements are not signed with the key in centre_key_file: none of them counts"));
	s->command = command_show_centre_key(p);
}

static void look_at_codes(const struct patient *p, struct sight *s)
{
	if (said_number(p, "catalogue_version") > 0)
		see(s, HEALTH_FINE, 0, "fine", "", _("codes are checked here, by catalogue version %s"),
		    said(p, "catalogue_version"));
	else
		see(s, HEALTH_DOUBTFUL, 0, "no_codes", _("they come by themselves with the first link to the centre"),
		    _("the agent has no codes from the centre yet: wrong ones are found only there"));
}

static void look_at_clock(const struct patient *p, struct sight *s)
{
	int64_t skew = said_number(p, "clock_skew_ms");

	if (!*said(p, "clock_skew_ms")) {
		see(s, HEALTH_UNKNOWN, 0, "not_compared", "", _("not compared with the centre's yet"));
	} else if (skew > SKEW_MS_MAX || skew < -SKEW_MS_MAX) {
		see(s, HEALTH_ILL, EX_CONFIG, "clock_wrong", _("set this machine's clock: timedatectl set-ntp true"),
		    _("%" PRId64 " seconds away from the centre's"), skew / 1000);
		s->command = xstrdup("timedatectl set-ntp true");
	} else {
		see(s, HEALTH_FINE, 0, "fine", "", _("agrees with the centre's"));
	}
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
    {"copies", N_("copies"), true, look_at_copies},
    {"outbox", N_("outbox"), true, look_at_outbox},
    {"hand_in", N_("hand-in"), true, look_at_door},
    {"waiting", N_("waiting"), true, look_at_waiting},
    {"proofs", N_("proofs"), true, look_at_proofs},
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
	if (s->command)
		printf("  %-12s %s %s\n", "", _("run:"), s->command);
}

static json_t *sight_json(const char *key, const struct sight *s)
{
	return json_pack("{ss ss ss ss ss ss*}", "look", key, "health", healths[s->health].code, "code", s->code,
			 "found", s->what, "remedy", s->remedy, "command", s->command);
}

static void forget(struct sight *s)
{
	free(s->what);
	free(s->remedy);
	free(s->command);
}

/* Looks at everything; returns the first ill one's exit status. */
static int examine(const struct patient *p, json_t *gather)
{
	int status = EX_OK;
	bool all_well = p->status != NULL;

	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
		struct sight s = {0};

		if (looks[i].asks_agent && !p->status)
			continue;
		looks[i].look(p, &s);
		all_well = all_well && s.health != HEALTH_ILL && s.health != HEALTH_DOUBTFUL;
		if (s.health == HEALTH_ILL && status == EX_OK)
			status = s.status;
		if (gather)
			json_array_append_new(gather, sight_json(looks[i].key, &s));
		else
			print_sight(_(looks[i].title), &s);
		forget(&s);
	}
	if (all_well && !gather)
		printf("%s\n", _("All is well."));
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
	p.program = find_agent();
	p.status = status_fetch(o.common.agent_socket, &p.err);
	gather = o.common.format == TABLE_JSON ? json_array() : NULL;
	status = examine(&p, gather);
	if (gather && !cli_print_json(gather, &err))
		status = cli_fail(&err);
	if (p.status)
		tram__control__v1__status__free_unpacked(p.status, NULL);
	free(p.program);
	return status;
}
