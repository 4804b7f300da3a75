/* SPDX-License-Identifier: Apache-2.0 */
#include "outbox.h"

#include "fsx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW          INT64_C(1700000000000000)
#define DAY          (INT64_C(86400) * 1000000)

static const uint8_t boot[OUTBOX_NONCE_SIZE] = {1};
static const struct outbox_limits limits = {.bytes_max = 64 << 20, .free_min = 0, .retention_us = 30 * DAY};

struct place {
	char dir[64], file[96];
	struct outbox *ob;
	struct arena *arena;
	struct err err;
};

static struct outbox *open_again(struct place *p)
{
	outbox_close(&p->ob);
	p->ob = outbox_open(p->dir, "agent-63-46", &limits, boot, &p->err);
	return p->ob;
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	snprintf(p->dir, sizeof p->dir, "/tmp/tram-outbox-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof p->file, "%s/" OUTBOX_FILE, p->dir);
	p->arena = arena_new(16 << 20);
	if (!open_again(p))
		fail_msg("%s", p->err.text);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char name[128];
	outbox_close(&p->ob);
	arena_free(&p->arena);
	for (const char **end = (const char *[]){"", "-wal", "-shm", NULL}; *end; end++) {
		snprintf(name, sizeof name, "%s%s", p->file, *end);
		unlink(name);
	}
	rmdir(p->dir);
	free(p);
	return 0;
}

#define OR_FAIL(p, call)                                                                                               \
	do                                                                                                             \
		if (!(call))                                                                                           \
			fail_msg("%s: %s", #call, (p)->err.text);                                                      \
	while (0)

/* One ticket of n reports of len bytes each, whose content tells the seq they should get. */
static bool hand_in(struct place *p, unsigned n, size_t len, int64_t now, struct outbox_ticket *ticket)
{
	const struct outbox_summary summary = {"VN-46", "dvc", "2024", 3};
	uint64_t seq = outbox_state(p->ob)->last_appended;
	char *bytes = calloc(1, len + 32);
	bool fine = outbox_begin(p->ob, "tháng 6.csv", (int64_t)(n * len), now, &p->err);
	for (unsigned i = 0; fine && i < n; i++) {
		sprintf(bytes, "report %llu", (unsigned long long)++seq);
		fine = outbox_add(p->ob, bytes, len, &summary, &p->err);
	}
	free(bytes);
	return fine && outbox_commit(p->ob, ticket, &p->err);
}

static void acknowledge(struct place *p, uint64_t through, int64_t now)
{
	struct acknowledgement ack = {.committed_through = through, .committed_at_us = (int64_t)through * 10};
	memset(ack.signature, (int)through, sizeof ack.signature);
	memset(ack.key_id, 7, sizeof ack.key_id);
	OR_FAIL(p, outbox_chain(p->ob, through, &ack.chain, &p->err));
	OR_FAIL(p, outbox_put_acknowledgement(p->ob, &ack, now, &p->err));
}

static void judge(struct place *p, uint64_t verdict_seq, uint64_t seq, int64_t now)
{
	struct outbox_verdict verdict = {.verdict_seq = verdict_seq,
					 .epoch = outbox_state(p->ob)->epoch,
					 .seq = seq,
					 .body = (const uint8_t *)"v",
					 .len = 1};
	OR_FAIL(p, outbox_put_verdicts(p->ob, &verdict, 1, now, &p->err));
}

static void check_report(struct place *p, uint64_t seq, size_t len)
{
	struct outbox_report report;
	char expected[32];
	snprintf(expected, sizeof expected, "report %llu", (unsigned long long)seq);
	OR_FAIL(p, outbox_read(p->ob, seq, p->arena, &report, &p->err));
	assert_int_equal(report.seq, seq);
	assert_int_equal(report.len, len);
	assert_memory_equal(report.bytes, expected, strlen(expected));
}

/* The chain over all kept reports, recomputed from nothing. */
static void check_chain(struct place *p)
{
	const struct outbox_state *state = outbox_state(p->ob);
	struct digest chain, kept;
	chain_start(state->agent, &state->epoch, NULL, &chain);
	for (uint64_t seq = 1; seq <= state->last_appended; seq++) {
		struct outbox_report report;
		struct digest digest;
		OR_FAIL(p, outbox_read(p->ob, seq, p->arena, &report, &p->err));
		digest_report(report.bytes, report.len, &digest);
		chain_next(&chain, &digest, &chain);
		OR_FAIL(p, outbox_chain(p->ob, seq, &kept, &p->err));
		assert_memory_equal(&kept, &chain, sizeof chain);
		arena_reset(p->arena);
	}
	assert_memory_equal(&state->last_chain, &chain, sizeof chain);
}

static void test_what_is_in_stays_in(void **state)
{
	struct place *p = *state;
	struct outbox_ticket one, many;
	struct outbox_report report;
	struct epoch epoch = outbox_state(p->ob)->epoch;
	OR_FAIL(p, hand_in(p, 1, 100, NOW, &one));
	OR_FAIL(p, hand_in(p, 50, 1000, NOW + 5, &many));
	assert_int_equal(one.first_seq, 1);
	assert_int_equal(many.first_seq, 2);
	assert_int_equal(many.last_seq, 51);
	assert_int_equal(many.observations, 150);

	assert_non_null(open_again(p));
	assert_memory_equal(&outbox_state(p->ob)->epoch, &epoch, sizeof epoch);
	assert_int_equal(outbox_state(p->ob)->last_appended, 51);
	check_report(p, 1, 100);
	check_report(p, 51, 1000);
	check_chain(p);
	OR_FAIL(p, outbox_read(p->ob, 30, p->arena, &report, &p->err));
	assert_int_equal(report.ticket_first, 2);
	assert_int_equal(report.ticket_last, 51);
	assert_string_equal(report.file_name, "tháng 6.csv");
	assert_string_equal(report.summary.provider, "VN-46");
	assert_int_equal(report.handed_in_at_us, NOW + 5);
	assert_int_equal(outbox_handed_in_at(p->ob, 30), NOW + 5);
	assert_int_equal(outbox_handed_in_at(p->ob, 52), 0);
	assert_false(outbox_read(p->ob, 52, p->arena, &report, &p->err));
	assert_int_equal(p->err.kind, ERR_NOINPUT);
	assert_false(outbox_is_broken(p->ob));
}

static void test_rolled_back_is_as_if_never(void **state)
{
	struct place *p = *state;
	const struct outbox_summary summary = {"VN-46", "dvc", "2024", 3};
	struct outbox_ticket ticket;
	OR_FAIL(p, hand_in(p, 1, 100, NOW, &ticket));
	OR_FAIL(p, outbox_begin(p->ob, "x", 3, NOW, &p->err));
	OR_FAIL(p, outbox_add(p->ob, "abc", 3, &summary, &p->err));
	outbox_rollback(p->ob);
	assert_int_equal(outbox_state(p->ob)->last_appended, 1);
	OR_FAIL(p, hand_in(p, 1, 100, NOW, &ticket));
	assert_int_equal(ticket.first_seq, 2);
	check_chain(p);
	OR_FAIL(p, outbox_begin(p->ob, "x", 3, NOW, &p->err));
	OR_FAIL(p, outbox_add(p->ob, "abc", 3, &summary, &p->err));
	assert_non_null(open_again(p)); /* closed in the middle */
	assert_int_equal(outbox_state(p->ob)->last_appended, 2);
	check_chain(p);
}

static void test_tickets(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	uint64_t first, last;
	OR_FAIL(p, hand_in(p, 30, 10, NOW, &ticket));
	char *stem = strdup(ticket.text), text[300];
	strrchr(stem, '/')[1] = '\0';
	assert_int_equal(strlen(stem), strlen("agent-63-46/12345678/"));
	const struct {
		const char *rest;
		uint64_t first, last; /* 0: none */
	} cases[] = {{"1-30", 1, 30}, {"7", 7, 7},
		     {"30", 30, 30},  {"31", 0, 0},
		     {"1-31", 0, 0},  {"0", 0, 0},
		     {"", 0, 0},      {"-1", 0, 0},
		     {"2-1", 0, 0},   {"1-2-3", 0, 0},
		     {"01", 0, 0},    {"1x", 0, 0},
		     {"1-", 0, 0},    {"9999999999999999999999", 0, 0}};
	assert_true(strcmp(ticket.text + strlen(stem), "1-30") == 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(text, sizeof text, "%s%s", stem, cases[i].rest);
		bool fine = outbox_ticket_parse(p->ob, text, &first, &last, &p->err);
		if (fine != (cases[i].first != 0) || (fine && (first != cases[i].first || last != cases[i].last)))
			fail_msg("%s", text);
	}
	assert_false(outbox_ticket_parse(p->ob, "agent-63-01/00000000/1", &first, &last, &p->err));
	assert_int_equal(p->err.kind, ERR_DATA);
	free(stem);
}

/* It is killed as soon as it has told its ticket, and does nothing in between. */
static void test_killed_right_after_a_ticket(void **state)
{
	struct place *p = *state;
	uint64_t told = 0;
	int pipes[2];
	outbox_close(&p->ob);
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	if (child == 0) {
		struct outbox_ticket ticket;
		if (!open_again(p) || !hand_in(p, 7, 3000, NOW, &ticket) ||
		    write(pipes[1], &ticket.last_seq, sizeof told) != sizeof told)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
	kill(child, SIGKILL);
	close(pipes[0]);
	waitpid(child, NULL, 0);
	OR_FAIL(p, open_again(p) != NULL);
	assert_int_equal(told, 7);
	assert_int_equal(outbox_state(p->ob)->last_appended, told);
	check_chain(p);
}

/* A child hands in until it is killed; what it said is in must be in, whole and in order. */
static void test_killed_in_the_middle(void **state)
{
	struct place *p = *state;
	for (unsigned round = 0; round < 8; round++) {
		int pipes[2];
		uint64_t told = outbox_state(p->ob)->last_appended, before = told;
		outbox_close(&p->ob);
		assert_int_equal(pipe(pipes), 0);
		pid_t child = fork();
		if (child == 0) {
			struct outbox_ticket ticket;
			if (!open_again(p))
				_exit(1);
			while (hand_in(p, 7, 3000, NOW, &ticket))
				if (write(pipes[1], &ticket.last_seq, sizeof told) != sizeof told)
					_exit(2);
			_exit(3);
		}
		close(pipes[1]);
		for (unsigned heard = 0; heard < 3 + 2 * round; heard++)
			assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
		usleep(100 * round);
		kill(child, SIGKILL);
		while (read(pipes[0], &told, sizeof told) == sizeof told)
			;
		close(pipes[0]);
		waitpid(child, NULL, 0);
		OR_FAIL(p, open_again(p) != NULL);
		uint64_t last = outbox_state(p->ob)->last_appended;
		assert_true(told > before);
		assert_true(last >= told);
		assert_int_equal((last - before) % 7, 0); /* a ticket is all there or not at all */
		check_chain(p);
	}
}

static void test_only_one_at_a_time(void **state)
{
	struct place *p = *state;
	struct outbox *second = outbox_open(p->dir, "agent-63-46", &limits, boot, &p->err);
	assert_null(second);
	assert_int_equal(p->err.kind, ERR_TEMPFAIL);
	assert_non_null(strstr(p->err.text, p->file));
}

static void test_not_my_outbox(void **state)
{
	struct place *p = *state;
	outbox_close(&p->ob);
	assert_null(outbox_open(p->dir, "agent-63-01", &limits, boot, &p->err));
	assert_int_equal(p->err.kind, ERR_CONFIG);
	assert_non_null(strstr(p->err.text, "agent-63-46"));
}

/* Runs SQL on the closed file. */
/* Somebody who leaves no other trace than the change itself. */
static void meddle(struct place *p, const char *text)
{
	sqlite3 *db;
	char *message = NULL;
	outbox_close(&p->ob);
	assert_int_equal(sqlite3_open_v2(p->file, &db, SQLITE_OPEN_READWRITE, "tram-pages"), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
	sqlite3_close(db);
}

static void test_other_files_are_refused(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	const struct {
		const char *sql;
		enum err_kind kind;
	} cases[] = {
	    {"PRAGMA user_version = 99", ERR_CONFIG},
	    {"PRAGMA user_version = 1; PRAGMA application_id = 5", ERR_CONFIG},
	    {"PRAGMA application_id = 1953653101; DELETE FROM report WHERE seq = 3", ERR_IO},
	};
	OR_FAIL(p, hand_in(p, 5, 100, NOW, &ticket));
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		meddle(p, cases[i].sql);
		assert_null(open_again(p));
		assert_int_equal(p->err.kind, cases[i].kind);
	}
	FILE *f = fopen(p->file, "w");
	fputs("this is no database, but a text that somebody put here, long enough to be read as a header of a file",
	      f);
	fclose(f);
	assert_null(open_again(p));
	assert_int_equal(p->err.kind, ERR_IO);
}

static void test_bit_rot_is_found(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct outbox_report report;
	OR_FAIL(p, hand_in(p, 5, 100, NOW, &ticket));
	meddle(p, "UPDATE report SET bytes = zeroblob(100) WHERE seq = 2");
	assert_non_null(open_again(p));
	check_report(p, 1, 100);
	assert_false(outbox_read(p->ob, 2, p->arena, &report, &p->err));
	assert_int_equal(p->err.kind, ERR_IO);
	assert_true(outbox_is_broken(p->ob));
	assert_false(hand_in(p, 1, 100, NOW, &ticket));

	meddle(p, "UPDATE report SET digest = zeroblob(32) WHERE seq = 3");
	assert_non_null(open_again(p));
	assert_false(
	    outbox_read(p->ob, 3, p->arena, &report, &p->err)); /* the bytes are right, what is told of them is not */

	/* A report exchanged together with its digest: the chain knows. */
	meddle(p, "UPDATE report SET (bytes, digest) = (SELECT bytes, digest FROM report WHERE seq = 4) WHERE seq = 5");
	assert_null(open_again(p));
	assert_int_equal(p->err.kind, ERR_IO);
}

static size_t place_of(struct place *p, const char *text)
{
	size_t len;
	char *bytes = fsx_read(p->file, 64 << 20, &len, &p->err), *at = memmem(bytes, len, text, strlen(text));
	assert_non_null(at);
	size_t place = (size_t)(at - bytes);
	free(bytes);
	return place;
}

static void flip_at(struct place *p, size_t place)
{
	FILE *f = fopen(p->file, "r+");
	fseek(f, (long)place, SEEK_SET);
	int byte = fgetc(f);
	fseek(f, (long)place, SEEK_SET);
	fputc(byte ^ 4, f);
	fclose(f);
}

static void no_row(void *context, const struct outbox_report *row)
{
	(void)context;
	(void)row;
}

/* Nothing else guards these: not the chain, nor a signature that the agent would look at. */
static void test_a_changed_page_is_named(void **state)
{
	struct place *p = *state;
	static const char *const at_opening[] = {"SQLite format 3", "what the codes mean"};
	struct outbox_ticket ticket;
	OR_FAIL(p, outbox_put_codebook(p->ob, 3, at_opening[1], 19, NOW, &p->err));
	OR_FAIL(p, hand_in(p, 5, 3000, NOW, &ticket));
	for (size_t i = 0; i < 2; i++) {
		outbox_close(&p->ob);
		size_t place = place_of(p, at_opening[i]);
		flip_at(p, place);
		assert_null(open_again(p));
		assert_int_equal(p->err.kind, ERR_IO);
		flip_at(p, place);
		assert_non_null(open_again(p));
	}
	outbox_close(&p->ob);
	flip_at(p, place_of(p, "report 2"));
	assert_non_null(open_again(p));
	assert_false(outbox_list(p->ob, 9, 0, 9, no_row, NULL, &p->err));
	assert_int_equal(p->err.kind, ERR_IO);
	assert_non_null(strstr(p->err.text, "is damaged"));
	assert_true(outbox_is_broken(p->ob));
}

static void copy_file(struct place *p, const char *end, const char *to)
{
	char from[128], target[128];
	size_t len;
	snprintf(from, sizeof from, "%s%s", p->file, end);
	snprintf(target, sizeof target, "%s%s", to, end);
	char *bytes = fsx_read(from, 64 << 20, &len, &p->err);
	assert_non_null(bytes);
	OR_FAIL(p, fsx_write(target, bytes, len, 0600, &p->err));
	free(bytes);
}

static void run_sqlite(const char *file, const char *text)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* An operator with sqlite3, which knows of no checksums: it folds a killed agent's log, and copies. */
static void test_sqlite3_leaves_it_sound(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	char killed[96];
	OR_FAIL(p, hand_in(p, 5, 3000, NOW, &ticket));
	OR_FAIL(p, outbox_rest(p->ob, &p->err));
	assert_non_null(open_again(p));
	check_chain(p); /* pages are read with their checksums, and some of them written again */
	OR_FAIL(p, hand_in(p, 5, 3000, NOW, &ticket));
	snprintf(killed, sizeof killed, "%s/killed.db", p->dir);
	copy_file(p, "", killed);
	copy_file(p, "-wal", killed);
	outbox_close(&p->ob);
	run_sqlite(killed, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(rename(killed, p->file), 0);
	assert_non_null(open_again(p));
	assert_int_equal(outbox_state(p->ob)->last_appended, 10);
	check_chain(p);

	outbox_close(&p->ob);
	char text[160];
	snprintf(text, sizeof text, "VACUUM INTO '%s'", killed);
	run_sqlite(p->file, text);
	assert_int_equal(rename(killed, p->file), 0);
	assert_non_null(open_again(p));
	check_chain(p);
	OR_FAIL(p, hand_in(p, 5, 3000, NOW, &ticket));
	assert_non_null(open_again(p));
	check_chain(p);
}

/* Made before there were checksums: read as it is. */
static void test_a_file_without_checksums(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	sqlite3 *db;
	int none = 0;
	OR_FAIL(p, hand_in(p, 5, 3000, NOW, &ticket));
	outbox_close(&p->ob);
	assert_int_equal(sqlite3_open(p->file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &none), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = DELETE; VACUUM", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_non_null(open_again(p));
	OR_FAIL(p, hand_in(p, 5, 3000, NOW, &ticket));
	assert_non_null(open_again(p));
	check_chain(p);
}

static void test_acknowledged_beyond_the_end(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	OR_FAIL(p, hand_in(p, 5, 100, NOW, &ticket));
	acknowledge(p, 3, NOW);
	meddle(p, "UPDATE acknowledgement SET committed_through = 6");
	assert_null(open_again(p));
	assert_int_equal(p->err.kind, ERR_IO);
}

static void test_refused_at_the_door(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct outbox_limits small = limits;
	small.bytes_max = 300000;
	outbox_set_limits(p->ob, &small);
	OR_FAIL(p, hand_in(p, 10, 10000, NOW, &ticket));
	assert_false(hand_in(p, 20, 10000, NOW, &ticket));
	assert_int_equal(p->err.kind, ERR_TEMPFAIL);
	assert_non_null(strstr(p->err.text, "outbox_bytes"));
	assert_int_equal(outbox_state(p->ob)->last_appended, 10);
	OR_FAIL(p, hand_in(p, 5, 10000, NOW, &ticket));

	small = limits;
	small.free_min = INT64_MAX / 2;
	outbox_set_limits(p->ob, &small);
	assert_false(hand_in(p, 1, 10, NOW, &ticket));
	assert_int_equal(p->err.kind, ERR_TEMPFAIL);
	assert_non_null(strstr(p->err.text, "free_bytes"));
	assert_false(outbox_is_broken(p->ob));
}

/* The hard ceiling stands for a full disk: refused, undone, and everything goes on when there is room again. */
static void test_full_in_the_middle(void **state)
{
	struct place *p = *state;
	const struct outbox_summary summary = {"VN-46", "dvc", "2024", 3};
	struct outbox_ticket ticket;
	struct outbox_limits small = limits;
	char *bytes = calloc(1, 1 << 20);
	small.bytes_max = 100000;
	outbox_set_limits(p->ob, &small);
	OR_FAIL(p, outbox_begin(p->ob, "x", 3, NOW, &p->err));
	bool fine = true;
	for (int i = 0; fine && i < 20; i++)
		fine = outbox_add(p->ob, bytes, 1 << 20, &summary, &p->err);
	assert_false(fine);
	assert_int_equal(p->err.kind, ERR_TEMPFAIL);
	assert_false(outbox_is_broken(p->ob));
	assert_int_equal(outbox_state(p->ob)->last_appended, 0);
	outbox_set_limits(p->ob, &limits);
	OR_FAIL(p, hand_in(p, 3, 1 << 20, NOW, &ticket));
	assert_int_equal(ticket.first_seq, 1);
	check_chain(p);
	free(bytes);
}

struct seen {
	uint64_t seqs[64];
	size_t n, most;
	uint64_t verdict_seq;
	char first[64];
};

static void see_report(void *context, const struct outbox_report *row)
{
	struct seen *seen = context;
	seen->seqs[seen->n++] = row->seq;
	seen->verdict_seq = row->verdict_seq;
}

static bool see_verdict(void *context, const struct outbox_verdict *row)
{
	struct seen *seen = context;
	seen->seqs[seen->n++] = row->verdict_seq;
	snprintf(seen->first, sizeof seen->first, "%llu %s %s %lld", (unsigned long long)row->seq, row->file_name,
		 row->summary.dataflow, (long long)(row->stored_at_us - row->handed_in_at_us));
	return seen->n < seen->most;
}

static void test_lists(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct seen seen = {.most = 64};
	OR_FAIL(p, hand_in(p, 10, 100, NOW, &ticket));
	judge(p, 1, 4, NOW + 500);
	judge(p, 2, 4, NOW + 900);
	OR_FAIL(p, outbox_list(p->ob, UINT64_MAX, 0, 3, see_report, &seen, &p->err));
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.seqs[0], 10);
	assert_int_equal(seen.seqs[2], 8);
	seen.n = 0;
	OR_FAIL(p, outbox_list(p->ob, 8, 3, 64, see_report, &seen, &p->err));
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.seqs[0], 7);
	assert_int_equal(seen.seqs[3], 4);
	assert_int_equal(seen.verdict_seq, 2);
}

static void test_verdicts(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct seen seen = {.most = 64};
	uint64_t judged;
	int64_t p50, p99;
	OR_FAIL(p, outbox_time_to_verdict(p->ob, &p50, &p99, &p->err));
	assert_int_equal(p50, -1);
	OR_FAIL(p, hand_in(p, 10, 100, NOW, &ticket));
	for (unsigned i = 1; i <= 10; i++)
		judge(p, i, i, NOW + i * 1000);
	judge(p, 11, 4, NOW + 9000000); /* a later word on report 4 */
	assert_int_equal(outbox_state(p->ob)->verdict_cursor, 11);

	OR_FAIL(p, outbox_verdicts(p->ob, 3, 4, 6, see_verdict, &seen, &p->err));
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.seqs[0], 4);
	assert_int_equal(seen.seqs[3], 11);
	assert_string_equal(seen.first, "4 tháng 6.csv dvc 9000000");
	seen.n = 0;
	seen.most = 1;
	OR_FAIL(p, outbox_verdicts(p->ob, 9, 0, 0, see_verdict, &seen, &p->err));
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.seqs[0], 10);
	OR_FAIL(p, outbox_judged(p->ob, 2, 12, &judged, &p->err));
	assert_int_equal(judged, 9);
	OR_FAIL(p, outbox_time_to_verdict(p->ob, &p50, &p99, &p->err));
	assert_int_equal(p50, 5000);
	assert_int_equal(p99, 9000);

	assert_non_null(open_again(p));
	assert_int_equal(outbox_state(p->ob)->verdict_cursor, 11);
}

static void test_rewound(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct seen seen = {.most = 64};
	OR_FAIL(p, hand_in(p, 10, 100, NOW, &ticket));
	for (unsigned i = 1; i <= 5; i++)
		judge(p, i, i, NOW);
	OR_FAIL(p, outbox_rewind_verdicts(p->ob, 3, &p->err));
	assert_non_null(open_again(p));
	assert_int_equal(outbox_state(p->ob)->verdict_cursor, 3);
	judge(p, 4, 9, NOW);
	OR_FAIL(p, outbox_verdicts(p->ob, 0, 0, 0, see_verdict, &seen, &p->err));
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.seqs[3], 4);
	assert_true(strncmp(seen.first, "9 ", 2) == 0);
}

/* Verdicts of an epoch that this file never had (the outbox before): kept, and nobody's report. */
static void test_verdict_of_another_epoch(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct seen seen = {.most = 64};
	uint64_t judged;
	OR_FAIL(p, hand_in(p, 1, 100, NOW, &ticket));
	struct outbox_verdict other = {
	    .verdict_seq = 1, .epoch = {{9}}, .seq = 1, .body = (const uint8_t *)"v", .len = 1};
	OR_FAIL(p, outbox_put_verdicts(p->ob, &other, 1, NOW + 5, &p->err));
	OR_FAIL(p, outbox_judged(p->ob, 1, 1, &judged, &p->err));
	assert_int_equal(judged, 0);
	OR_FAIL(p, outbox_verdicts(p->ob, 0, 0, 0, see_verdict, &seen, &p->err));
	assert_int_equal(seen.n, 1);
	int64_t p50, p99;
	OR_FAIL(p, outbox_time_to_verdict(p->ob, &p50, &p99, &p->err));
	assert_int_equal(p50, -1);
}

static void test_acknowledgements(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct acknowledgement ack;
	bool found;
	OR_FAIL(p, hand_in(p, 10, 100, NOW, &ticket));
	OR_FAIL(p, outbox_acknowledgement(p->ob, 1, &ack, &found, &p->err));
	assert_false(found);
	acknowledge(p, 3, NOW);
	acknowledge(p, 7, NOW);
	acknowledge(p, 3, NOW + 1000);
	assert_int_equal(outbox_state(p->ob)->acknowledged, 7);
	const struct {
		uint64_t seq, through; /* 0: none */
	} cases[] = {{1, 3}, {3, 3}, {4, 7}, {7, 7}, {8, 0}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		OR_FAIL(p, outbox_acknowledgement(p->ob, cases[i].seq, &ack, &found, &p->err));
		assert_int_equal(found ? ack.committed_through : 0, cases[i].through);
		if (found)
			assert_int_equal(ack.signature[5], cases[i].through);
	}
	assert_non_null(open_again(p));
	assert_int_equal(outbox_state(p->ob)->acknowledged, 7);
}

/* Time that the outbox has been open, told as an agent does: by the minute, from any reading of the monotonic clock. */
static void live(struct place *p, int64_t us)
{
	static int64_t monotonic = 77;
	const int64_t minute = INT64_C(60) * 1000000;
	outbox_live(p->ob, monotonic);
	for (; us > 0; us -= minute)
		outbox_live(p->ob, monotonic += us < minute ? us : minute);
}

static uint64_t trim_all(struct place *p, uint64_t committed)
{
	bool more;
	do
		OR_FAIL(p, outbox_trim(p->ob, committed, &more, &p->err));
	while (more);
	return outbox_state(p->ob)->trimmed;
}

static void test_trim(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct outbox_report report;
	struct acknowledgement ack;
	bool more, found;
	OR_FAIL(p, hand_in(p, 500, 2000, NOW, &ticket));
	live(p, DAY);
	acknowledge(p, 300, NOW);
	for (unsigned i = 1; i <= 300; i++)
		judge(p, i, i, NOW);
	live(p, 19 * DAY);
	acknowledge(p, 400, NOW);
	int64_t before = outbox_bytes(p->ob);

	live(p, 11 * DAY);
	OR_FAIL(p, outbox_trim(p->ob, 400, &more, &p->err)); /* not older than 30 days yet */
	assert_int_equal(outbox_state(p->ob)->trimmed, 0);
	live(p, 1);
	OR_FAIL(p, outbox_trim(p->ob, 250, &more, &p->err));
	assert_int_equal(outbox_state(p->ob)->trimmed, 200); /* one step */
	assert_true(more);
	assert_int_equal(trim_all(p, 250), 250); /* the centre has no more than that */
	assert_int_equal(trim_all(p, 400), 300); /* the rest was acknowledged later */
	assert_true(outbox_bytes(p->ob) < before / 2);

	for (int again = 0; again < 2; again++) {
		assert_int_equal(outbox_state(p->ob)->trimmed, 300);
		assert_int_equal(outbox_state(p->ob)->last_appended, 500);
		assert_int_equal(outbox_state(p->ob)->verdict_cursor, 300);
		assert_false(outbox_read(p->ob, 300, p->arena, &report, &p->err));
		check_report(p, 301, 2000);
		OR_FAIL(p, outbox_acknowledgement(p->ob, 301, &ack, &found, &p->err));
		assert_int_equal(ack.committed_through, 400);
		OR_FAIL(p, outbox_rest(p->ob, &p->err));
		assert_non_null(open_again(p));
	}
	acknowledge(p, 500, NOW);
	live(p, 31 * DAY);
	assert_int_equal(trim_all(p, 500), 500);
	assert_non_null(open_again(p)); /* an empty outbox knows where it stood */
	assert_int_equal(outbox_state(p->ob)->last_appended, 500);
	assert_int_equal(outbox_state(p->ob)->acknowledged, 500);
	OR_FAIL(p, hand_in(p, 1, 100, NOW, &ticket));
	assert_int_equal(ticket.first_seq, 501);
	check_report(p, 501, 100);
}

/* Whatever the wall clock says when a report comes in, is acknowledged, judged, and may be forgotten: it is kept for the
 * retention, and no longer. */
static void test_no_wall_clock_deletes(void **state)
{
	struct place *p = *state;
	const int64_t hour = DAY / 24, year = 365 * DAY;
	const int64_t clocks[] = {
	    NOW, NOW + hour, NOW - hour, NOW + year, NOW - year, -5 * year, 0, 1, INT64_C(253402300800000000)};
	struct outbox_ticket ticket;
	uint64_t seq = 0;
	for (size_t i = 0; i < COUNT(clocks); i++) {
		for (size_t j = 0; j < COUNT(clocks); j++) {
			OR_FAIL(p, hand_in(p, 1, 20, clocks[i], &ticket));
			seq++;
			assert_true(outbox_handed_in_at(p->ob, seq) > 0);
			acknowledge(p, seq, clocks[j]);
			judge(p, seq, seq, clocks[i]);
			live(p, 30 * DAY);
			assert_int_equal(trim_all(p, seq), seq - 1);
			live(p, hour);
			assert_int_equal(trim_all(p, seq), seq);
		}
	}
}

/* What the monotonic clock cannot have done counts for little: a leap, or a return. Starts of the agent add up. */
static void test_time_lived(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	OR_FAIL(p, hand_in(p, 1, 20, NOW, &ticket));
	acknowledge(p, 1, NOW);
	outbox_live(p->ob, 5);
	for (int i = 0; i < 10; i++) {
		outbox_live(p->ob, 5 + 400 * DAY);
		outbox_live(p->ob, 5);
	}
	assert_int_equal(trim_all(p, 1), 0);
	for (int start = 0; start < 30; start++) {
		assert_int_equal(trim_all(p, 1), 0);
		assert_non_null(open_again(p));
		live(p, DAY);
	}
	live(p, DAY / 24);
	assert_int_equal(trim_all(p, 1), 1);
}

static bool count_verdict(void *context, const struct outbox_verdict *row)
{
	(void)row;
	++*(uint64_t *)context;
	return true;
}

static uint64_t verdicts_held(struct place *p)
{
	uint64_t n = 0;
	OR_FAIL(p, outbox_verdicts(p->ob, 0, 0, 0, count_verdict, &n, &p->err));
	return n;
}

/* Verdicts of earlier outboxes, and those of reports that are gone, are kept as long as a report, and no longer. */
static void test_verdicts_of_nobody_go(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct outbox_verdict other[1000];
	OR_FAIL(p, hand_in(p, 2, 20, NOW, &ticket));
	for (size_t i = 0; i < COUNT(other); i++)
		other[i] = (struct outbox_verdict){
		    .verdict_seq = i + 1, .epoch = {{9}}, .seq = i + 1, .body = (const uint8_t *)"v", .len = 1};
	OR_FAIL(p, outbox_put_verdicts(p->ob, other, COUNT(other), NOW, &p->err));
	acknowledge(p, 1, NOW);
	judge(p, 1001, 1, NOW);
	judge(p, 1002, 2, NOW);
	live(p, 30 * DAY);
	trim_all(p, 2);
	assert_int_equal(verdicts_held(p), 1002);
	judge(p, 1003, 1, NOW); /* a late word on a report that is about to go */
	live(p, DAY);
	assert_int_equal(trim_all(p, 2), 1);
	assert_int_equal(verdicts_held(p), 2); /* of the report that is still here, and the late one */
	live(p, 30 * DAY);
	trim_all(p, 2);
	assert_int_equal(verdicts_held(p), 1);
	assert_int_equal(outbox_state(p->ob)->verdict_cursor, 1003);
}

/* After a rewind all come again: those of reports that are gone move the cursor, and there is nothing to keep them for. */
static void test_rewound_past_what_is_gone(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	OR_FAIL(p, hand_in(p, 3, 20, NOW, &ticket));
	acknowledge(p, 2, NOW);
	for (unsigned i = 1; i <= 3; i++)
		judge(p, i, i, NOW);
	live(p, 31 * DAY);
	assert_int_equal(trim_all(p, 3), 2);
	assert_int_equal(verdicts_held(p), 1);
	OR_FAIL(p, outbox_rewind_verdicts(p->ob, 0, &p->err));
	assert_non_null(open_again(p));
	assert_int_equal(verdicts_held(p), 0);
	for (unsigned i = 1; i <= 3; i++)
		judge(p, i, i, NOW);
	assert_int_equal(outbox_state(p->ob)->verdict_cursor, 3);
	assert_int_equal(verdicts_held(p), 1);
	judge(p, 4, 1, NOW); /* a new decision on a report that is gone is news all the same */
	assert_int_equal(verdicts_held(p), 2);
}

static void test_known_at(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	struct outbox_verdict verdicts[5];
	int64_t at;
	OR_FAIL(p, hand_in(p, 5, 20, NOW, &ticket));
	assert_int_equal(outbox_state(p->ob)->verdict_known_at_us, 0);
	for (size_t i = 0; i < COUNT(verdicts); i++)
		verdicts[i] = (struct outbox_verdict){.verdict_seq = i + 1,
						      .epoch = outbox_state(p->ob)->epoch,
						      .seq = i + 1,
						      .known_at_us = 1000 + (int64_t)i,
						      .body = (const uint8_t *)"v",
						      .len = 1};
	OR_FAIL(p, outbox_put_verdicts(p->ob, verdicts, COUNT(verdicts), NOW, &p->err));
	for (int again = 0; again < 2; again++) {
		assert_int_equal(outbox_state(p->ob)->verdict_known_at_us, 1004);
		OR_FAIL(p, outbox_known_at(p->ob, 3, &at, &p->err));
		assert_int_equal(at, 1002);
		OR_FAIL(p, outbox_known_at(p->ob, 6, &at, &p->err));
		assert_int_equal(at, 0);
		assert_non_null(open_again(p));
	}
	OR_FAIL(p, outbox_rewind_verdicts(p->ob, 2, &p->err));
	assert_int_equal(outbox_state(p->ob)->verdict_known_at_us, 1001);
	assert_non_null(open_again(p));
	assert_int_equal(outbox_state(p->ob)->verdict_known_at_us, 1001);
	OR_FAIL(p, outbox_rewind_verdicts(p->ob, 0, &p->err));
	assert_int_equal(outbox_state(p->ob)->verdict_known_at_us, 0);
}

/* A file that lost its name is lost with the process: nothing more goes in, what is in goes on to the centre. */
static void test_deleted_while_open(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	OR_FAIL(p, hand_in(p, 1, 20, NOW, &ticket));
	assert_true(outbox_is_in_place(p->ob));
	assert_int_equal(unlink(p->file), 0);
	assert_false(outbox_is_in_place(p->ob));
	assert_false(hand_in(p, 1, 20, NOW, &ticket));
	assert_int_equal(p->err.kind, ERR_CANTCREAT);
	check_report(p, 1, 20);
	acknowledge(p, 1, NOW);
	judge(p, 1, 1, NOW);
	assert_false(outbox_is_broken(p->ob));
	assert_non_null(open_again(p));
	assert_int_equal(outbox_state(p->ob)->last_appended, 0);
}

static bool is_known(struct place *p, uint64_t seq)
{
	struct outbox_place place;
	return outbox_place(p->ob, seq, &place, &p->err);
}

/* What a receipt needs stays when the bytes go, and goes when its own time is over. */
static void test_past(void **state)
{
	struct place *p = *state;
	const struct outbox_limits long_past = {.bytes_max = 64 << 20, .retention_us = 30 * DAY, .past_us = 300 * DAY};
	struct outbox_ticket tickets[3];
	struct outbox_place place, before;
	struct acknowledgement ack;
	bool found;
	outbox_set_limits(p->ob, &long_past);
	for (size_t i = 0; i < 3; i++) {
		OR_FAIL(p, hand_in(p, 250, 100, NOW, &tickets[i]));
		acknowledge(p, tickets[i].last_seq, NOW);
		live(p, 100 * DAY);
	}
	OR_FAIL(p, outbox_place(p->ob, 250, &before, &p->err));
	assert_true(before.kept);
	assert_int_equal(trim_all(p, 750), 750);
	for (int again = 0; again < 2; again++) {
		OR_FAIL(p, outbox_place(p->ob, 250, &place, &p->err));
		assert_false(place.kept);
		assert_memory_equal(&place.digest, &before.digest, DIGEST_SIZE);
		assert_memory_equal(&place.chain, &before.chain, DIGEST_SIZE);
		assert_int_equal(place.ticket_first, 1);
		assert_int_equal(place.ticket_last, 250);
		assert_string_equal(place.file_name, before.file_name);
		assert_int_equal(place.handed_in_at_us, NOW);
		OR_FAIL(p, outbox_acknowledgement(p->ob, 7, &ack, &found, &p->err));
		assert_true(found && ack.committed_through == 250);
		OR_FAIL(p, outbox_rest(p->ob, &p->err));
		assert_non_null(open_again(p));
	}
	outbox_set_limits(p->ob, &long_past);
	live(p, 31 * DAY);
	assert_int_equal(trim_all(p, 750), 750);
	assert_false(is_known(p, 1));
	assert_false(is_known(p, 249));
	assert_int_equal(p->err.kind, ERR_NOINPUT);
	OR_FAIL(p, outbox_place(p->ob, 250, &place, &p->err)); /* the chain that the next one follows */
	assert_memory_equal(&place.chain, &before.chain, DIGEST_SIZE);
	assert_int_equal(place.ticket_first, 0);
	assert_true(is_known(p, 251));
	assert_true(is_known(p, 750));
	OR_FAIL(p, outbox_acknowledgement(p->ob, 1, &ack, &found, &p->err));
	assert_int_equal(ack.committed_through, 500);
	OR_FAIL(p, hand_in(p, 1, 100, NOW, &tickets[0]));
	assert_true(is_known(p, 751));
}

static void test_codebook(void **state)
{
	struct place *p = *state;
	const uint8_t *data;
	size_t len;
	OR_FAIL(p, outbox_codebook(p->ob, p->arena, &data, &len, &p->err));
	assert_null(data);
	OR_FAIL(p, outbox_put_codebook(p->ob, 3, "old", 3, NOW, &p->err));
	OR_FAIL(p, outbox_put_codebook(p->ob, 4, "newer", 5, NOW, &p->err));
	assert_non_null(open_again(p));
	assert_int_equal(outbox_state(p->ob)->catalogue_version, 4);
	OR_FAIL(p, outbox_codebook(p->ob, p->arena, &data, &len, &p->err));
	assert_int_equal(len, 5);
	assert_memory_equal(data, "newer", 5);
}

/* ---------------------------------------------------------------- a disk that fails */

static int sync_fails;                        /* 1: every one; 2: the file's, not its log's */
static sqlite3_io_methods failing_methods[2]; /* of the database file, and of the log: they differ */
static int (*real_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
static int (*real_sync)(sqlite3_file *, int);

static int failing_sync(sqlite3_file *file, int flags)
{
	bool is_log = file->pMethods == &failing_methods[0];
	return sync_fails == 1 || (sync_fails == 2 && !is_log) ? SQLITE_IOERR_FSYNC : real_sync(file, flags);
}

static int failing_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	int rc = real_open(vfs, name, file, flags, out_flags);
	if (rc == SQLITE_OK && file->pMethods) {
		sqlite3_io_methods *methods = &failing_methods[(flags & SQLITE_OPEN_MAIN_DB) != 0];
		*methods = *file->pMethods;
		real_sync = methods->xSync;
		methods->xSync = failing_sync;
		file->pMethods = methods;
	}
	return rc;
}

static void use_failing_vfs(sqlite3_vfs *failing)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);
	*failing = *real;
	real_open = real->xOpen;
	failing->zName = "failing";
	failing->xOpen = failing_open;
	sqlite3_vfs_register(failing, 1);
}

/* The log is folded by itself, behind a commit: what was told is kept, and still the disk is not used any more. */
static void test_failed_fold_is_final(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	sqlite3_vfs failing;
	use_failing_vfs(&failing);
	assert_non_null(open_again(p));
	sync_fails = 2;
	OR_FAIL(p, hand_in(p, 1, 5 << 20, NOW, &ticket));
	sync_fails = 0;
	assert_true(outbox_is_broken(p->ob));
	assert_false(hand_in(p, 1, 100, NOW, &ticket));
	assert_int_equal(p->err.kind, ERR_IO);
	sqlite3_vfs_unregister(&failing);
	assert_non_null(open_again(p));
	assert_int_equal(outbox_state(p->ob)->last_appended, 1);
	check_chain(p);
}

static bool folder_fails;
static char folder_synced_of[128];
bool __wrap_fsx_sync_folder_of(const char *path, struct err *err);

bool __wrap_fsx_sync_folder_of(const char *path, struct err *err)
{
	snprintf(folder_synced_of, sizeof folder_synced_of, "%s", path);
	return !folder_fails || err_set(err, ERR_IO, "no");
}

/* A log that a start before this one made and never synced has no name that lasts. */
static void test_names_last(void **state)
{
	struct place *p = *state;
	folder_synced_of[0] = 0;
	assert_non_null(open_again(p));
	assert_string_equal(folder_synced_of, p->file);
	folder_fails = true;
	assert_null(open_again(p));
	assert_int_equal(p->err.kind, ERR_IO);
	folder_fails = false;
}

static void test_failed_fsync_is_final(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	sqlite3_vfs failing;
	use_failing_vfs(&failing);
	assert_non_null(open_again(p));
	OR_FAIL(p, hand_in(p, 1, 100, NOW, &ticket));
	sync_fails = 1;
	assert_false(hand_in(p, 1, 100, NOW, &ticket));
	assert_int_equal(p->err.kind, ERR_IO);
	assert_true(outbox_is_broken(p->ob));
	sync_fails = 0;
	assert_false(hand_in(p, 1, 100, NOW, &ticket)); /* what the kernel has forgotten cannot be retried */
	sqlite3_vfs_unregister(&failing);
	assert_non_null(open_again(p)); /* the file is the truth */
	assert_true(outbox_state(p->ob)->last_appended >= 1);
	check_chain(p);
}

static void test_set_up_as_promised(void **state)
{
	struct place *p = *state;
	struct outbox_ticket ticket;
	char wal[128];
	struct stat st;
	OR_FAIL(p, hand_in(p, 1, 100, NOW, &ticket));
	snprintf(wal, sizeof wal, "%s-wal", p->file);
	assert_int_equal(stat(wal, &st), 0);
	snprintf(wal, sizeof wal, "%s-shm", p->file);
	assert_int_not_equal(stat(wal, &st), 0); /* exclusive: no shared memory, no second connection */
	assert_int_equal(stat(p->dir, &st), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_what_is_in_stays_in),
	    TEST(test_rolled_back_is_as_if_never),
	    TEST(test_tickets),
	    TEST(test_killed_right_after_a_ticket),
	    TEST(test_killed_in_the_middle),
	    TEST(test_only_one_at_a_time),
	    TEST(test_not_my_outbox),
	    TEST(test_other_files_are_refused),
	    TEST(test_bit_rot_is_found),
	    TEST(test_a_changed_page_is_named),
	    TEST(test_sqlite3_leaves_it_sound),
	    TEST(test_a_file_without_checksums),
	    TEST(test_acknowledged_beyond_the_end),
	    TEST(test_refused_at_the_door),
	    TEST(test_full_in_the_middle),
	    TEST(test_lists),
	    TEST(test_verdicts),
	    TEST(test_rewound),
	    TEST(test_verdict_of_another_epoch),
	    TEST(test_acknowledgements),
	    TEST(test_trim),
	    TEST(test_no_wall_clock_deletes),
	    TEST(test_time_lived),
	    TEST(test_verdicts_of_nobody_go),
	    TEST(test_rewound_past_what_is_gone),
	    TEST(test_known_at),
	    TEST(test_deleted_while_open),
	    TEST(test_past),
	    TEST(test_codebook),
	    TEST(test_failed_fsync_is_final),
	    TEST(test_failed_fold_is_final),
	    TEST(test_names_last),
	    TEST(test_set_up_as_promised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
