/* SPDX-License-Identifier: Apache-2.0 */
/* tram rules rehearse: what other rules would make of what is stored. */
#include "centre.h"

#include "fsx.h"
#include "given.h"
#include "lang.h"
#include "mem.h"
#include "rehearsal.h"
#include "terminal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#define EXIT_DIFFERENT 1
#define ROWS_SHOWN     20
#define FILE_BYTES     (64u << 20)
#define STORED_CAP     ((size_t)256 << 20)

struct rehearse_options {
	struct centre_options centre;
	const char *since;
	struct option_list agents;
	bool all;
};

static const struct option_row rows[] = {
    {"since", "TIME", OPTION_TEXT, offsetof(struct rehearse_options, since),
     N_("judge anew only what was received since (2024-07-19, 2024-07-19T08:00:00+07:00)")},
    {"agent", "AGENT", OPTION_LIST, offsetof(struct rehearse_options, agents), N_("only this agent's reports")},
    {"all", NULL, OPTION_FLAG, offsetof(struct rehearse_options, all),
     N_("show every row, not the first of each list")},
    CENTRE_ROWS(rehearse_options),
};

static const struct options spec = {
    "rules rehearse",
    "FILE|DIR [--since TIME] [--agent AGENT]... [OPTION]...",
    N_("Judges stored reports anew with a changed file of the catalogue (parameters.csv, rules.csv, cross_rules.csv, "
       "…)\n"
       "in place of the newest version's, or with a whole catalogue, and shows what would be otherwise: findings, "
       "reports,\n"
       "figures, national figures. Each report is judged with what its verdict knew. Nothing is stored. Ends with 1 "
       "when\n"
       "anything would be otherwise."),
    false,
    false,
    rows,
    sizeof rows / sizeof *rows,
    1,
    1};

/* ---------------------------------------------------------------- which catalogue */

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_known_file(const char *name, struct err *err)
{
	for (size_t i = 0; catalogue_file_names[i]; i++) {
		if (strcmp(catalogue_file_names[i], name) == 0) {
			return true;
		}
	}
	return err_set(
	    err, ERR_USAGE,
	    _("%s is none of a catalogue's files: they are known by their names (parameters.csv, rules.csv …)"), name);
}

static struct catalogue_file copy_file(const struct catalogue_file *f)
{
	return (struct catalogue_file){
	    .name = xstrdup(f->name), .content = xstrndup(f->content, f->len), .len = f->len};
}

/* The newest version's files; room for one more. */
static bool read_stored(struct store *s, struct given *ret, struct err *err)
{
	struct arena *a = arena_new(STORED_CAP);
	struct catalogue_file *files;
	uint32_t version;
	size_t n;
	bool fine = store_catalogue(s, 0, a, &files, &n, &version, err) == STORE_OK;

	if (fine && version == 0) {
		fine = err_set(err, ERR_DATA, _("no catalogue is loaded yet: tram catalogue load"));
	}
	if (fine) {
		*ret = (struct given){.files = xcalloc(n + 1, sizeof *ret->files)};
		for (; ret->n < n; ret->n++) {
			ret->files[ret->n] = copy_file(&files[ret->n]);
		}
	}
	arena_free(&a);
	return fine;
}

static bool put_in_place(const char *path, struct given *g, struct err *err)
{
	const char *name = base_name(path);
	size_t len, i = 0;
	char *content = fsx_read(path, FILE_BYTES, &len, err);

	if (!content) {
		return false;
	}
	while (i < g->n && strcmp(g->files[i].name, name) != 0) {
		i++;
	}
	if (i < g->n) {
		free((char *)(uintptr_t)g->files[i].name);
		free((char *)(uintptr_t)g->files[i].content);
	}
	g->n += i == g->n;
	g->files[i] = (struct catalogue_file){.name = xstrdup(name), .content = content, .len = len};
	return true;
}

/* NULL and *err when it cannot be read, or has mistakes. */
static struct catalogue *catalogue_of(struct store *s, const char *path, struct err *err)
{
	struct given g = {0};
	bool folder = is_folder(path);
	bool fine = folder
			? given_read(path, &g, err)
			: is_known_file(base_name(path), err) && read_stored(s, &g, err) && put_in_place(path, &g, err);
	struct catalogue *c = fine ? given_check(&g, TABLE_TEXT, err) : NULL;

	given_free(&g);
	return c;
}

/* ---------------------------------------------------------------- the rehearsal */

struct run {
	struct rehearsal_found found; /* first: the hooks' context is both */
	uint64_t reports_in_all;
	bool shows_progress;
};

static void show_progress(void *context, uint64_t reports, uint64_t observations)
{
	struct run *r = context;

	r->found.reports += reports;
	r->found.observations += observations;
	if (r->shows_progress) {
		terminal_progress(r->found.reports, r->reports_in_all, r->found.observations);
	}
}

static bool walk(struct run *r, struct store *auditor, const struct catalogue *c, const struct rehearse_options *o,
		 int64_t since_us, struct err *err)
{
	struct arena *a = arena_new(STORED_CAP);
	struct audit_snapshot snapshot;
	struct rehearse_task task = {
	    .store = auditor,
	    .catalogue = c,
	    .since_us = since_us,
	    .hooks = {.context = r,
		      .report = rehearsal_report,
		      .standing = rehearsal_standing,
		      .progress = show_progress},
	};
	bool fine = store_audit_streams(auditor, o->agents.texts, o->agents.n, a, &snapshot, err) == STORE_OK;

	for (size_t i = 0; fine && i < snapshot.n_streams; i++) {
		r->reports_in_all += snapshot.streams[i].seq;
	}
	fine = fine && rehearse_agents(&task, &snapshot, err);
	arena_free(&a);
	return fine;
}

/* What it makes of roll-ups, which needs another role. */
static bool add_totals(struct run *r, const struct rehearse_options *o, struct err *err)
{
	struct store *admin;
	bool fine;

	if (r->found.n_flips == 0) {
		return true;
	}
	admin = centre_connect(&o->centre, CENTRE_ADMIN, err);
	fine = admin && store_rehearse_totals(admin, r->found.flips, r->found.n_flips, rehearsal_total, &r->found,
					      err) == STORE_OK;
	store_close(&admin);
	return fine;
}

static int finish(struct run *r, const struct catalogue *c, const struct rehearse_options *o)
{
	if (o->centre.common.format == TABLE_JSON) {
		rehearsal_show_json(&r->found, c);
	} else {
		rehearsal_show(&r->found, c, o->all ? SIZE_MAX : ROWS_SHOWN);
	}
	return rehearsal_is_same(&r->found) ? EX_OK : EXIT_DIFFERENT;
}

static int rehearse(const struct rehearse_options *o, const char *path, int64_t since_us)
{
	struct err err;
	struct run r = {.shows_progress = terminal_is(stderr)};
	struct store *auditor = centre_connect(&o->centre, CENTRE_AUDITOR, &err);
	struct catalogue *c = auditor && centre_moment_came(auditor, MOMENT_SINCE, o->since, &err)
				  ? catalogue_of(auditor, path, &err)
				  : NULL;
	bool fine;
	int status;

	rehearsal_begin(&r.found);
	fine = c && walk(&r, auditor, c, o, since_us, &err) && add_totals(&r, o, &err);
	if (fine && r.found.is_full) {
		fine = err_set(&err, ERR_UNAVAILABLE,
			       _("too much would be otherwise for this machine's memory; "
				 "rehearse with --agent or --since"));
	}
	if (r.shows_progress) {
		terminal_progress_end();
	}
	status = fine ? finish(&r, c, o) : centre_fail(&err);
	rehearsal_end(&r.found);
	catalogue_unref(&c);
	store_close(&auditor);
	return status;
}

int cmd_rules_rehearse(int argc, char **argv)
{
	struct rehearse_options o = {.since = NULL};
	struct err err;
	int64_t since_us = 0;
	int first, status;

	if (!centre_parse(&spec, argc, argv, &o.centre.common, &first, &status)) {
		return status;
	}
	if (!moment_read(MOMENT_SINCE, o.since, &since_us, &err)) {
		return centre_fail(&err);
	}
	return rehearse(&o, argv[first], since_us);
}
