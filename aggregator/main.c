/* SPDX-License-Identifier: Apache-2.0 */
/* tram-aggregator: the central service. The loop, and what stands before it. */
#include "aggregator.h"

#include "daemon.h"
#include "lang.h"
#include "log.h"
#include "mem.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define TICK_MS    100 /* timers are looked at this often */
#define SOCKETS    3
#define LANES_MAX  64
#define WAITED_MAX (SOCKETS + LANES_MAX + 3 + CTL_FDS_MAX)

/* ---------------------------------------------------------------- the loop */

/* Everything that can wake us; the control socket's descriptors come last. */
static size_t wait_list(struct aggregator *a, zmq_pollitem_t *items)
{
	size_t n = 0;
	items[n++] = (zmq_pollitem_t){.fd = a->signals, .events = ZMQ_POLLIN};
	items[n++] = (zmq_pollitem_t){.fd = loader_fd(a->loader), .events = ZMQ_POLLIN};
	if (a->cutter)
		items[n++] = (zmq_pollitem_t){.fd = cutter_fd(a->cutter), .events = ZMQ_POLLIN};
	for (unsigned i = 0; a->lanes && i < lanes_count(a->lanes); i++)
		items[n++] = (zmq_pollitem_t){.fd = lanes_fd(a->lanes, i), .events = ZMQ_POLLIN};
	if (a->gate) {
		items[n++] = (zmq_pollitem_t){.socket = zap_socket(a->zap), .events = ZMQ_POLLIN};
		items[n++] = (zmq_pollitem_t){.socket = gate_socket(a->gate), .events = ZMQ_POLLIN};
		items[n++] = (zmq_pollitem_t){.socket = feed_socket(a->feed), .events = ZMQ_POLLIN};
	}
	return n;
}

static void to_items(const struct pollfd *fds, size_t n, zmq_pollitem_t *items)
{
	for (size_t i = 0; i < n; i++)
		items[i] = (zmq_pollitem_t){.fd = fds[i].fd,
					    .events = (short)((fds[i].events & POLLIN ? ZMQ_POLLIN : 0) |
							      (fds[i].events & POLLOUT ? ZMQ_POLLOUT : 0))};
}

static void from_items(const zmq_pollitem_t *items, size_t n, struct pollfd *fds)
{
	for (size_t i = 0; i < n; i++)
		fds[i].revents = (short)((items[i].revents & ZMQ_POLLIN ? POLLIN : 0) |
					 (items[i].revents & ZMQ_POLLOUT ? POLLOUT : 0) |
					 (items[i].revents & ZMQ_POLLERR ? POLLERR : 0));
}

/* Waits for something to do, then serves the control socket; all else is asked in its turn. */
static void wait_for_events(struct aggregator *a)
{
	zmq_pollitem_t items[WAITED_MAX];
	struct pollfd fds[CTL_FDS_MAX];
	size_t n = wait_list(a, items), n_control = ctl_server_prepare(a->control, fds, CTL_FDS_MAX);
	to_items(fds, n_control, items + n);
	int ready = zmq_poll(items, (int)(n + n_control), a->more_waits || a->telling ? 0 : TICK_MS);
	if (ready < 0)
		memset(items, 0, sizeof(items));
	from_items(items + n, n_control, fds);
	ctl_server_serve(a->control, fds, n_control);
}

static void loop_once(struct aggregator *a)
{
	wait_for_events(a); /* until something comes, or the next tick */
	serve_signals(a);   /* reload, stop */
	serve_loader(a);    /* roster and catalogue that were read */
	serve_cutter(a);    /* what is known of other provinces */
	serve_door(a);      /* handshakes: who may come in */
	serve_lanes(a);     /* what is committed: acknowledge, answer, tell */
	serve_feed(a);      /* of what is committed, to whoever listens */
	serve_road(a);      /* what agents say: to the lanes, as far as credit goes */
	serve_clock(a);     /* heartbeats, silence, refresh, the end of a drain */
	serve_http(a);      /* how it is, for whoever asks over HTTP */
}

/* ---------------------------------------------------------------- before the loop */

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'n'}, {"print", no_argument, NULL, 'p'},
    {"version", no_argument, NULL, 'V'},      {"help", no_argument, NULL, 'h'},  {0},
};

static void print_help(FILE *out)
{
	fprintf(
	    out,
	    _("Usage: tram-aggregator [-n | -p] [-c FILE | FILE]\n"
	      "The central service of Tram: takes what provinces report, judges it and writes it to PostgreSQL.\n"
	      "\n"
	      "  -c, --config FILE  settings; %s unless told\n"
	      "  -n, --check        reads settings and keys, says what is wrong with them, and ends\n"
	      "  -p, --print        prints every setting with its value, default, bounds and meaning, and ends\n"
	      "      --version      prints the version and ends\n"
	      "  -h, --help         prints this and ends\n"
	      "\n"
	      "SIGTERM finishes what is being committed and ends; SIGHUP reads settings, roster and catalogue again.\n"
	      "See tram-aggregator(8) and tram-aggregator.conf(5).\n"),
	    SETTINGS_FILE);
}

struct call {
	const char *file;
	bool check, print;
	int status; /* >= 0: end with it */
};

static struct call read_call(int argc, char **argv)
{
	struct call call = {.status = -1};
	for (int option; (option = getopt_long(argc, argv, "c:nphV", options, NULL)) != -1;) {
		switch (option) {
		case 'c': call.file = optarg; break;
		case 'n': call.check = true; break;
		case 'p': call.print = true; break;
		case 'h':
			print_help(stdout);
			call.status = 0;
			return call;
		case 'V':
			printf("tram-aggregator %s\n", TRAM_VERSION);
			call.status = 0;
			return call;
		default: call.status = ERR_USAGE; return call;
		}
	}
	if (optind < argc - 1 || (optind < argc && call.file)) {
		fprintf(stderr, _("tram-aggregator: one settings file is enough; see --help\n"));
		call.status = ERR_USAGE;
	} else if (optind < argc) {
		call.file = argv[optind];
	}
	if (!call.file)
		call.file = SETTINGS_FILE;
	return call;
}

#define MIB                  (INT64_C(1) << 20)
#define AGENTS_OF_AN_EXAMPLE 64

static void print_memory(const struct settings *settings)
{
	struct settings_memory m = settings_memory(settings);
	printf(_("# memory: at most %lld MiB and %lld KiB for every connected agent; %lld MiB for %d of them\n"),
	       (long long)(m.itself / MIB), (long long)(m.each / 1024),
	       (long long)((m.itself + AGENTS_OF_AN_EXAMPLE * m.each) / MIB), AGENTS_OF_AN_EXAMPLE);
}

static int fail(const struct err *err)
{
	fprintf(stderr, "tram-aggregator: %s\n", err->text);
	return (int)err->kind;
}

/* -n: what a start would stumble over before it meets the store. */
static bool check_keys(struct aggregator *a, struct err *err)
{
	if (!keys_load_secret(a->settings.key_file, &a->keys, err))
		return false;
	a->operators = roster_read_folder(a->settings.feed_keys, err);
	return a->operators != NULL;
}

static int run(struct aggregator *a)
{
	struct err err = {0};
	if (!daemon_refuse_root(&err) || !keys_load_secret(a->settings.key_file, &a->keys, &err) ||
	    !aggregator_start(a, &err))
		return fail(&err);
	while (a->phase != ENDED)
		loop_once(a);
	return a->failure.kind == ERR_NONE ? 0 : fail(&a->failure);
}

int main(int argc, char **argv)
{
	static struct aggregator a;
	struct err err = {0};
	lang_start();
	struct call call = read_call(argc, argv);
	if (call.status >= 0)
		return call.status;
	a.settings_file = call.file;
	if (!settings_load(call.file, &a.settings, &err))
		return fail(&err);
	log_start("tram-aggregator", aggregator_log_level(&a.settings));
	int status = 0;
	if (call.print) {
		settings_print(&a.settings, stdout);
		print_memory(&a.settings);
	} else if (call.check) {
		status = check_keys(&a, &err) ? (printf(_("%s: fine\n"), call.file), 0) : fail(&err);
	} else {
		status = run(&a);
	}
	if (!aggregator_close(&a)) {
		fflush(NULL);
		_exit(status);
	}
	return status;
}
