/* SPDX-License-Identifier: Apache-2.0 */
#include "renew.h"

#include "fault.h"
#include "fsx.h"
#include "lang.h"
#include "mem.h"
#include "outbox.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_FILE     "outbox-new.db"
#define REPORT_ARENA (1u << 30)

static const struct outbox_limits no_limits = {.bytes_max = INT64_MAX / 4, .free_min = 0, .retention_us = INT64_MAX};
static const uint8_t no_boot[OUTBOX_NONCE_SIZE];

/* A hand-in of the old outbox, or what is left of it from seq on, as one of the new. *ret_last: its last report. */
static bool carry_ticket(struct outbox *from, struct outbox *to, uint64_t seq, struct arena *a, uint64_t *ret_last,
			 struct err *err)
{
	struct outbox_ticket ticket;
	struct outbox_report report;
	arena_reset(a);
	if (!outbox_read(from, seq, a, &report, err) ||
	    !outbox_begin(to, report.file_name, 0, report.handed_in_at_us, err))
		return false;
	*ret_last = report.ticket_last;
	for (; seq <= *ret_last; seq++) {
		arena_reset(a);
		if (!outbox_read(from, seq, a, &report, err)) {
			outbox_rollback(to);
			return false;
		}
		if (!outbox_add(to, report.bytes, report.len, &report.summary, err))
			return false;
	}
	return outbox_commit(to, &ticket, err);
}

static bool carry(struct outbox *from, struct outbox *to, bool all, uint64_t *ret_carried, struct err *err)
{
	const struct outbox_state *state = outbox_state(from);
	uint64_t first = all ? state->trimmed + 1 : state->acknowledged + 1;
	struct arena *a = arena_new(REPORT_ARENA);
	bool fine = true;
	*ret_carried = 0;
	for (uint64_t seq = first, last; fine && seq <= state->last_appended; seq = last + 1) {
		last = seq;
		fine = carry_ticket(from, to, seq, a, &last, err);
		*ret_carried += last - seq + 1;
	}
	arena_free(&a);
	return fine;
}

/* An attempt that broke off may have given it already. */
static bool has_second_name(const char *path, const char *second)
{
	struct stat a, b;
	return lstat(path, &a) == 0 && lstat(second, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The old file gets its second name before the new one takes the first: at no moment is there none. */
static bool exchange(const char *old_path, const char *new_path, const char *aside, struct err *err)
{
	if (link(old_path, aside) != 0 && !has_second_name(old_path, aside))
		return err_set_errno(err, ERR_CANTCREAT, "%s", aside);
	if (!fsx_sync_folder_of(old_path, err))
		return false;
	FAULT_POINT(A10_RENEWAL_SET_ASIDE);
	if (rename(new_path, old_path) != 0)
		return err_set_errno(err, ERR_CANTCREAT, "%s", old_path);
	return fsx_sync_folder_of(old_path, err);
}

/* What an attempt before this one may have left. */
static bool remove_remains(const char *path, struct err *err)
{
	static const char *const endings[] = {"", "-wal", "-journal"};
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
		char *name = xasprintf("%s%s", path, endings[i]);
		bool gone = unlink(name) == 0 || errno == ENOENT;
		if (!gone)
			err_set_errno(err, ERR_CANTCREAT, "%s", name);
		free(name);
		if (!gone)
			return false;
	}
	return true;
}

static bool make_new(const char *dir, struct outbox *from, bool all, uint64_t *ret_carried, struct err *err)
{
	const struct outbox_state *state = outbox_state(from);
	struct outbox *to =
	    outbox_open_after(dir, NEW_FILE, state->agent, &state->epoch, &state->last_chain, &no_limits, no_boot, err);
	bool fine =
	    to && outbox_inherit(to, from, err) && carry(from, to, all, ret_carried, err) && outbox_rest(to, err);
	outbox_close(&to);
	return fine;
}

static char *aside_path(const char *dir, const struct outbox *from)
{
	char hex[9];
	char *name = xasprintf("outbox-%s.db", text_hex(outbox_state(from)->epoch.bytes, 4, hex));
	char *path = fsx_join(dir, name);
	free(name);
	return path;
}

bool renew(const char *dir, const char *agent, bool all, struct renewal *ret, struct err *err)
{
	char *old_path = fsx_join(dir, OUTBOX_FILE), *new_path = fsx_join(dir, NEW_FILE), *aside = NULL;
	struct outbox *from = NULL;
	bool fine =
	    access(old_path, F_OK) == 0 || err_set(err, ERR_NOINPUT, _("%s: there is no outbox to renew"), old_path);
	fine = fine && remove_remains(new_path, err) && (from = outbox_open(dir, agent, &no_limits, no_boot, err));
	if (fine) {
		aside = aside_path(dir, from);
		fine = make_new(dir, from, all, &ret->carried, err) && outbox_rest(from, err);
	}
	/* Only a closed file has nothing left in its log; the lock goes with it, and nobody was to be running. */
	outbox_close(&from);
	FAULT_POINT(A10_RENEWAL_FILLED);
	fine = fine && exchange(old_path, new_path, aside, err);
	ret->set_aside = fine ? aside : NULL;
	if (!fine)
		free(aside);
	free(old_path);
	free(new_path);
	return fine;
}
