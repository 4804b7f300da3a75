/* SPDX-License-Identifier: Apache-2.0 */
/* tram-agent: start order, one loop, and the end. */
#include "agent_settings.h"
#include "agent_status.h"
#include "care.h"
#include "clock.h"
#include "daemon.h"
#include "desk.h"
#include "fsx.h"
#include "lang.h"
#include "post.h"
#include "renew.h"
#include "text.h"

#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND         INT64_C(1000000)
#define LONGEST_WAIT   (5 * SECOND) /* so that systemd's watchdog is fed */
#define FAREWELL_TURNS 20           /* of 50 ms, for answers that are under way */
#define STATUS_MAX     300

#define TELL(id, ...) log_fields(event_table[EVENT_##id].level, event_table[EVENT_##id].name, __VA_ARGS__, (char *)0)

struct agent {
	const char *path; /* of the settings */
	struct agent_settings settings;
	struct keys keys, centre;
	uint8_t boot[OUTBOX_NONCE_SIZE];
	struct outbox *outbox;
	struct post *post;
	struct desk *desk;
	int signals;
	bool stopping, coded; /* -n: with a code before the text, for tram doctor */
	struct pollfd desk_fds[CTL_FDS_MAX];
	size_t n_desk_fds;
	struct care care;
	char status[STATUS_MAX]; /* as told to systemd last */
};

/* ---------------------------------------------------------------- the loop */

static int64_t next_deadline(const struct agent *a)
{
	int64_t at = a->care.due_us, post = post_deadline(a->post), desk = desk_deadline(a->desk);
	at = post < at ? post : at;
	return desk < at ? desk : at;
}

static long wait_ms(const struct agent *a)
{
	int64_t left = next_deadline(a) - clock_monotonic_us();
	if (left > LONGEST_WAIT)
		left = LONGEST_WAIT;
	return left <= 0 ? 0 : (long)((left + 999) / 1000);
}

static void wait_for_events(struct agent *a, long timeout_ms)
{
	zmq_pollitem_t items[POST_ITEMS + 1 + CTL_FDS_MAX];
	size_t n = POST_ITEMS;
	post_prepare(a->post, items);
	items[n++] = (zmq_pollitem_t){.fd = a->signals, .events = ZMQ_POLLIN};
	a->n_desk_fds = desk_prepare(a->desk, a->desk_fds, CTL_FDS_MAX);
	for (size_t i = 0; i < a->n_desk_fds; i++) {
		short events = (short)((a->desk_fds[i].events & POLLIN ? ZMQ_POLLIN : 0) |
				       (a->desk_fds[i].events & POLLOUT ? ZMQ_POLLOUT : 0));
		items[n++] = (zmq_pollitem_t){.fd = a->desk_fds[i].fd, .events = events};
	}
	zmq_poll(items, (int)n, timeout_ms);
	for (size_t i = 0; i < a->n_desk_fds; i++) {
		short got = items[POST_ITEMS + 1 + i].revents;
		a->desk_fds[i].revents = (short)((got & ZMQ_POLLIN ? POLLIN : 0) | (got & ZMQ_POLLOUT ? POLLOUT : 0) |
						 (got & ZMQ_POLLERR ? POLLERR : 0));
	}
}

static struct outbox_limits limits_of(const struct agent_settings *s)
{
	return (struct outbox_limits){.bytes_max = s->outbox_bytes,
				      .free_min = s->free_bytes,
				      .retention_us = s->retention,
				      .past_us = s->proof_retention};
}

static void reload(struct agent *a)
{
	struct err err;
	char *kept = NULL;
	daemon_reloading();
	if (agent_settings_reload(a->path, &a->settings, &kept, &err)) {
		const struct outbox_limits limits = limits_of(&a->settings);
		care_limits(&a->care, a->outbox, &limits);
		log_set_level(agent_settings_log_level(&a->settings));
		TELL(SETTINGS_RELOADED, "file", a->path);
		if (kept)
			TELL(RELOAD_FAILED, "what", kept, "text", _("changed, but only taken up at the next start"));
	} else {
		TELL(RELOAD_FAILED, "what", a->path, "text", err.text);
	}
	free(kept);
	post_try_now(a->post);
	daemon_ready(NULL);
}

static void serve_signals(struct agent *a)
{
	for (int number; (number = daemon_next_signal(a->signals)) != 0;) {
		if (number == SIGHUP) {
			reload(a);
		} else {
			TELL(AGENT_STOPPING, "reason", number == SIGTERM ? "SIGTERM" : "SIGINT");
			a->stopping = true;
		}
	}
}

static bool care_for_outbox(struct agent *a, struct err *err)
{
	const struct outbox_state *state = outbox_state(a->outbox);
	uint64_t before = state->trimmed, committed = courier_committed_now(post_courier(a->post));
	bool fine = care_turn(&a->care, a->outbox, committed, clock_monotonic_us(), err);
	if (state->trimmed > before)
		TELL(OUTBOX_TRIMMED, "through", log_num((long long)state->trimmed));
	return fine;
}

static void tell_systemd(struct agent *a)
{
	char line[STATUS_MAX];
	agent_status_line(post_courier(a->post), line, sizeof line);
	if (strcmp(line, a->status) != 0)
		daemon_status("%s", line);
	memcpy(a->status, line, sizeof line);
	daemon_alive();
}

/* A disk that is full refuses hand-ins and waits; a disk that failed ends the process. */
static bool is_sound(struct agent *a, bool cared, struct err *err)
{
	if (post_failed(a->post, err))
		return false;
	if (outbox_is_broken(a->outbox))
		return cared ? err_set(err, ERR_IO, _("the disk under %s failed"), a->settings.directory) : false;
	return true;
}

static bool loop_once(struct agent *a, struct err *err)
{
	wait_for_events(a, wait_ms(a));
	serve_signals(a);
	post_serve(a->post);
	desk_serve(a->desk, a->desk_fds, a->n_desk_fds);
	bool cared = care_for_outbox(a, err);
	tell_systemd(a);
	return is_sound(a, cared, err);
}

/* Answers that are ready are still given. */
static void say_farewell(struct agent *a)
{
	for (int turn = 0; turn < FAREWELL_TURNS; turn++) {
		struct pollfd fds[CTL_FDS_MAX];
		size_t n = desk_prepare(a->desk, fds, CTL_FDS_MAX), writing = 0;
		for (size_t i = 0; i < n; i++)
			writing += (fds[i].events & POLLOUT) != 0;
		if (writing == 0)
			return;
		poll(fds, (nfds_t)n, 50);
		desk_serve(a->desk, fds, n);
	}
}

/* ---------------------------------------------------------------- start and end */

static void on_appended(void *context)
{
	post_appended(((struct agent *)context)->post);
}

static void on_check(void *context, uint64_t check_id, const void *report, size_t len)
{
	post_check(((struct agent *)context)->post, check_id, report, len);
}

static void on_todo(void *context, uint64_t id)
{
	post_todo(((struct agent *)context)->post, id);
}

static void on_answered(void *context, const struct courier_action *action)
{
	desk_answered(((struct agent *)context)->desk, action);
}

static bool load_keys(struct agent *a, struct err *err)
{
	const struct agent_settings *s = &a->settings;
	if (!keys_load_secret(s->key_file, &a->keys, err) || !keys_load_public(s->centre_key_file, &a->centre, err))
		return false;
	return strcmp(a->keys.name, s->agent) == 0 ||
	       err_set(err, ERR_CONFIG,
		       _("%s holds the keys of %s, and the setting agent says %s: one of them is wrong"), s->key_file,
		       a->keys.name, s->agent);
}

static bool start(struct agent *a, struct err *err)
{
	const struct outbox_limits limits = limits_of(&a->settings);
	const struct post_hooks post_hooks = {.context = a, .answered = on_answered};
	const struct desk_hooks desk_hooks = {
	    .context = a, .appended = on_appended, .check = on_check, .todo = on_todo, .keys = &a->keys};
	if (!daemon_refuse_root(err) || (a->signals = daemon_signals(err)) < 0 || !load_keys(a, err))
		return false;
	randombytes_buf(a->boot, sizeof a->boot);
	a->outbox = outbox_open(a->settings.directory, a->settings.agent, &limits, a->boot, err);
	if (!a->outbox)
		return false;
	care_limits(&a->care, a->outbox, &limits);
	a->post = post_open(&a->settings, &a->keys, &a->centre, a->boot, a->outbox, &post_hooks, err);
	if (!a->post)
		return false;
	a->desk = desk_open(&a->settings, a->outbox, post_courier(a->post), &desk_hooks, err);
	return a->desk != NULL;
}

static void tell_started(const struct agent *a)
{
	const struct outbox_state *state = outbox_state(a->outbox);
	char epoch[2 * EPOCH_SIZE + 1];
	text_hex(state->epoch.bytes, EPOCH_SIZE, epoch);
	TELL(AGENT_STARTED, "version", TRAM_VERSION, "epoch", epoch, "centre", a->settings.centre, "last_appended",
	     log_num((long long)state->last_appended), "acknowledged", log_num((long long)state->acknowledged));
	daemon_ready(NULL);
}

static void end(struct agent *a)
{
	daemon_stopping();
	desk_close(&a->desk);
	post_close(&a->post);
	outbox_close(&a->outbox);
	if (a->signals >= 0)
		close(a->signals);
	keys_wipe(&a->keys);
	agent_settings_clear(&a->settings);
}

static int fail(const struct err *err)
{
	fprintf(stderr, "tram-agent: %s\n", err->text);
	return (int)err->kind;
}

static int run(struct agent *a)
{
	struct err err;
	log_start("tram-agent", agent_settings_log_level(&a->settings));
	a->signals = -1;
	bool fine = start(a, &err);
	if (fine) {
		tell_started(a);
		while (fine && !a->stopping)
			fine = loop_once(a, &err);
		say_farewell(a);
	}
	end(a);
	return fine ? 0 : fail(&err);
}

/* ---------------------------------------------------------------- the command line */

enum task { RUN, CHECK, PRINT, RENEW, RENEW_ALL };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'n'},     {"print", no_argument, NULL, 'p'},
    {"renew", no_argument, NULL, 'r'},        {"renew-all", no_argument, NULL, 'R'}, {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},      {"coded", no_argument, NULL, 'C'},     {0},
};

static int help(void)
{
	printf(_("Usage: tram-agent [-n | -p | --renew | --renew-all] [-c FILE | FILE]\n"
		 "The agent of a province: keeps what is handed in and brings it to the centre.\n"
		 "\n"
		 "  -c, --config FILE  settings; %s unless told\n"
		 "  -n, --check        reads settings, keys and outbox, says what is wrong with them, and ends\n"
		 "  -p, --print        prints every setting with its value, default, bounds and meaning, and ends\n"
		 "      --renew        sets an outbox that has forked aside, starts a new one with what was not\n"
		 "                     acknowledged, and ends\n"
		 "      --renew-all    the same, with all reports that are kept: for a centre that has lost them\n"
		 "      --version      prints the version and ends\n"
		 "  -h, --help         prints this and ends\n"
		 "\n"
		 "SIGTERM ends it; SIGHUP reads the settings again and tries the centre at once.\n"
		 "See tram-agent(8) and tram-agent.conf(5).\n"),
	       AGENT_SETTINGS_FILE);
	return 0;
}

/* Keys and outbox are the service's: root looks at them as the user that owns the folder, and leaves nothing of its own. */
static bool become_owner(const struct agent *a, struct err *err)
{
	struct stat folder;
	if (geteuid() != 0 || stat(a->settings.directory, &folder) != 0)
		return true;
	return (setegid(folder.st_gid) == 0 && seteuid(folder.st_uid) == 0) ||
	       err_set_errno(err, ERR_NOPERM, "%s", a->settings.directory);
}

/* One that is open elsewhere is the running agent's. */
static bool check_outbox(const struct agent *a, const char **ret_code, struct err *err)
{
	const struct outbox_limits limits = limits_of(&a->settings);
	const uint8_t no_boot[OUTBOX_NONCE_SIZE] = {0};
	char *path = fsx_join(a->settings.directory, OUTBOX_FILE);
	bool there = access(path, F_OK) == 0;
	free(path);
	struct outbox *outbox =
	    there ? outbox_open(a->settings.directory, a->settings.agent, &limits, no_boot, err) : NULL;
	bool fine = !there || outbox || err->kind == ERR_TEMPFAIL;
	*ret_code = err->kind == ERR_IO       ? "outbox_damaged"
		    : err->kind == ERR_CONFIG ? "outbox_wrong"
					      : "outbox_unwritable";
	outbox_close(&outbox);
	return fine;
}

/* Settings are read; the code of what is wrong beside them, NULL: nothing. */
static const char *find_mistake(struct agent *a, struct err *err)
{
	const char *code = NULL;
	if (!become_owner(a, err) || !load_keys(a, err))
		return "keys_wrong";
	return check_outbox(a, &code, err) ? NULL : code;
}

static int check_all(struct agent *a, bool coded)
{
	struct err err = {0};
	const char *code = find_mistake(a, &err);
	if (coded)
		printf("%s\t", code ? code : "fine");
	fflush(stdout);
	if (!code)
		printf(_("%s: no mistake found\n"), a->path);
	keys_wipe(&a->keys);
	agent_settings_clear(&a->settings);
	return code ? fail(&err) : 0;
}

static int print_settings(struct agent *a)
{
	agent_settings_print(&a->settings, stdout);
	agent_settings_clear(&a->settings);
	return 0;
}

static int renew_outbox(struct agent *a, bool all)
{
	struct err err;
	struct renewal renewal;
	bool fine = daemon_refuse_root(&err) && renew(a->settings.directory, a->settings.agent, all, &renewal, &err);
	agent_settings_clear(&a->settings);
	if (!fine)
		return fail(&err);
	printf(_("The old outbox is %s. The new one begins with %llu reports handed in again. Start the agent.\n"),
	       renewal.set_aside, (unsigned long long)renewal.carried);
	free(renewal.set_aside);
	return 0;
}

/* Settings that must be given are not asked of who only wants to see them all. */
static bool load_settings(struct agent *a, bool named, enum task task, struct err *err)
{
	bool there = named || task != PRINT || access(a->path, F_OK) == 0;
	return agent_settings_load(there ? a->path : NULL, &a->settings, err);
}

static int perform(struct agent *a, bool named, enum task task)
{
	struct err err;
	if (!load_settings(a, named, task, &err)) {
		if (a->coded)
			printf("settings_wrong\t");
		fflush(stdout);
		return fail(&err);
	}
	switch (task) {
	case CHECK: return check_all(a, a->coded);
	case PRINT: return print_settings(a);
	case RENEW: return renew_outbox(a, false);
	case RENEW_ALL: return renew_outbox(a, true);
	case RUN: break;
	}
	return run(a);
}

int main(int argc, char **argv)
{
	struct agent a = {.path = AGENT_SETTINGS_FILE};
	enum task task = RUN;
	bool named = false;
	lang_start();
	for (int option; (option = getopt_long(argc, argv, "c:nph", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			a.path = optarg;
			named = true;
			break;
		case 'n': task = CHECK; break;
		case 'p': task = PRINT; break;
		case 'r': task = RENEW; break;
		case 'R': task = RENEW_ALL; break;
		case 'C': a.coded = true; break;
		case 'h': return help();
		case 'V': printf("tram-agent %s\n", TRAM_VERSION); return 0;
		default: fprintf(stderr, _("tram-agent --help tells what there is\n")); return ERR_USAGE;
		}
	}
	if (optind < argc) {
		a.path = argv[optind++];
		named = true;
	}
	if (optind < argc) {
		fprintf(stderr, _("tram-agent --help tells what there is\n"));
		return ERR_USAGE;
	}
	return perform(&a, named, task);
}
