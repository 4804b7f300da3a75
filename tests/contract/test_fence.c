/* SPDX-License-Identifier: Apache-2.0 */
/* Who may still commit: not the agent whose revocation is committed, and no further epoch of one that had too many. */
#include "bench.h"
#include "mem.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 60

static struct province other = {.agent = AGENT_TWO, .provider = "P63-01", .area = "63/01"};

static struct store *admin, *decider;

static int open_all(void **state)
{
	assert_true(sodium_init() >= 0);
	contract_open(state);
	assert_result(STORE_OK, store_open_admin(contract_conninfo("tram_admin"), &admin, &contract_err));
	assert_result(STORE_OK, store_open_admin(contract_conninfo("tram_operator"), &decider, &contract_err));
	return 0;
}

static int close_all(void **state)
{
	store_close(&admin);
	store_close(&decider);
	return contract_close(state);
}

/* ---------------------------------------------------------------- what admins do */

static void set_state(const char *agent, const char *to)
{
	bool changed;

	assert_result(STORE_OK, store_agent_set_state(admin, agent, to, "", &changed, &contract_err));
	assert_true(changed);
}

/* An agent of this test's own, with reports to send. */
static void new_province(struct province *p, char name[static 32])
{
	snprintf(name, 32, "agent-%08x", (unsigned)(contract_random() & 0xffffffffu));
	*p = (struct province){.agent = name, .provider = "P63-46", .area = "63/46"};
	province_start(p);
	for (int i = 0; i < REPORTS_MAX; i++) {
		append_report(p, "2015", 1050000, "");
	}
}

static void province_end(struct province *p)
{
	for (uint64_t i = 1; i <= p->last; i++) {
		free(p->reports[i]);
	}
}

/* ---------------------------------------------------------------- shut out between HELLO and COMMIT */

static void assert_refused(struct bench *b, const char *agent, enum job_kind what, int code, enum refusal_cause cause)
{
	struct result *r = next_result(b);

	assert_int_equal(r->kind, RESULT_REFUSE);
	assert_string_equal(r->agent, agent);
	assert_int_equal(r->refused, what);
	assert_int_equal(r->refusal, code);
	assert_int_equal(r->cause, cause);
	if (what == JOB_PUBLISH) {
		assert_int_equal(r->batches, 1);
		assert_true(r->payload_bytes > 0);
	}
	result_free(&r);
}

/* What is queued when the agent is shut out is refused and its credit given back; others in the group are committed. */
static void what_waits_when_an_agent_is_shut_out_is_not_committed(void **state)
{
	enum { REVOKED = 3, BUSY = 13, BAD_SIGNATURE = 7 };
	static const struct {
		const char *to; /* NULL: other keys */
		int code;
		enum refusal_cause cause;
	} cases[] = {{"revoked", REVOKED, CAUSE_OF_CODE},
		     {"suspended", BUSY, CAUSE_SUSPENDED},
		     {NULL, BAD_SIGNATURE, CAUSE_SIGNING_KEY}};
	struct bench b = bench_open();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct province p;
		char name[32];

		new_province(&p, name);
		province_start(&other);
		append_report(&other, "2015", 8000000, "");
		say_hello(&b, &p);
		open_stream(&b, &other);
		assert_int_equal(subscribed_at(&b), 0);
		publish(&b, &p, 1, 2);
		committed_through(&b, &p, 2, "44");
		struct job *late = new_publish(&p, 3, 4), *others = new_publish(&other, 1, 1);
		if (cases[i].to) {
			set_state(p.agent, cases[i].to);
		} else {
			province_take_keys(&p);
		}
		handoff_put(b.jobs, late);
		handoff_put(b.jobs, others);
		assert_refused(&b, p.agent, JOB_PUBLISH, cases[i].code, cases[i].cause);
		committed_through(&b, &other, 1, "4");
		assert_stored(&p, "2", "0", "0");
		if (cases[i].to) {
			say_hello(&b, &p);
			assert_refused(&b, p.agent, JOB_HELLO, cases[i].code, cases[i].cause);
		}
		province_end(&p);
	}
	bench_close(&b);
}

/* ---------------------------------------------------------------- a race, many times */

struct writing {
	struct province *p;
	struct bench *b;
	atomic_bool started;
	bool refused;
};

/* One report after the other, until one is refused. */
static void *keep_writing(void *context)
{
	struct writing *w = context;

	for (uint64_t seq = 1; seq <= w->p->last; seq++) {
		struct result *r;

		publish(w->b, w->p, seq, seq);
		atomic_store(&w->started, true);
		r = next_result(w->b);
		w->refused = r->kind == RESULT_REFUSE;
		result_free(&r);
		if (w->refused) {
			break;
		}
	}
	return NULL;
}

/*
 * The agent's row, which both sides write, tells their order: verdicts that move in a row that says revoked were
 * committed after the revocation. What was committed when the revocation returned is what is committed in the end.
 */
static void a_revocation_is_the_last_word(void **state)
{
	struct bench b = bench_open();
	int in_the_middle = 0;

	(void)state;
	contract_ask("CREATE TABLE public.after_revocation (agent text)");
	contract_ask("CREATE FUNCTION public.note_late() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
		     " INSERT INTO public.after_revocation VALUES (NEW.agent); RETURN NEW; END $$");
	contract_ask("CREATE TRIGGER late BEFORE UPDATE ON tram.agent FOR EACH ROW WHEN (OLD.state = 'revoked' AND"
		     " NEW.verdict_seq <> OLD.verdict_seq) EXECUTE FUNCTION public.note_late()");
	for (int round = 0; round < ROUNDS; round++) {
		struct province p;
		char name[32], at_once[32];
		pthread_t thread;

		new_province(&p, name);
		open_stream(&b, &p);
		struct writing w = {.p = &p, .b = &b};
		assert_int_equal(pthread_create(&thread, NULL, keep_writing, &w), 0);
		while (!atomic_load(&w.started)) {
			nanosleep(&(struct timespec){.tv_nsec = (long)(contract_random() % 10000000)}, NULL);
		}
		set_state(p.agent, "revoked");
		snprintf(at_once, sizeof at_once, "%s",
			 contract_ask("SELECT verdict_seq FROM tram.agent WHERE agent = '%s'", p.agent));
		assert_int_equal(pthread_join(thread, NULL), 0);
		in_the_middle += w.refused && strcmp(at_once, "0") != 0;
		assert_string_equal(contract_ask("SELECT verdict_seq FROM tram.agent WHERE agent = '%s'", p.agent),
				    at_once);
		province_end(&p);
	}
	assert_string_equal(contract_ask("SELECT count(*) FROM public.after_revocation"), "0");
	print_message("%d of %d revocations came between two commits\n", in_the_middle, ROUNDS);
	assert_true(in_the_middle > 0);
	contract_ask("DROP TRIGGER late ON tram.agent");
	contract_ask("DROP FUNCTION public.note_late");
	contract_ask("DROP TABLE public.after_revocation");
	bench_close(&b);
}

static void wait_for_locks(const char *whose, const char *how_many)
{
	contract_wait(
	    "somebody who waits for a lock",
	    "SELECT count(*) = %s FROM pg_stat_activity WHERE application_name = '%s' AND wait_event_type = 'Lock'",
	    how_many, whose);
}

/* ---------------------------------------------------------------- two admins */

static void *suspend(void *context)
{
	static char refused[] = "refused";
	struct err err;
	bool changed;
	enum store_result result = store_agent_set_state(context, AGENT_ONE, "suspended", "", &changed, &err);

	return result == STORE_POISON ? refused : NULL;
}

/* Suspending waits for the revocation that is under way, and then finds the keys revoked for ever. */
static void revoked_keys_stay_revoked_whoever_comes_late(void **state)
{
	struct province p = {.agent = AGENT_ONE};
	pthread_t thread;
	void *answer;

	(void)state;
	province_take_keys(&p);
	contract_ask("BEGIN");
	contract_ask("SELECT 1 FROM tram.agent WHERE agent = '" AGENT_ONE "' FOR UPDATE");
	assert_int_equal(pthread_create(&thread, NULL, suspend, admin), 0);
	wait_for_locks("tram admin", "1");
	contract_ask("INSERT INTO tram.agent_key (agent_no, curve_public, signing_public, state) SELECT agent_no,"
		     " curve_public, signing_public, 'revoked' FROM tram.agent WHERE agent = '" AGENT_ONE "'");
	contract_ask("UPDATE tram.agent SET state = 'revoked' WHERE agent = '" AGENT_ONE "'");
	contract_ask("COMMIT");
	assert_int_equal(pthread_join(thread, &answer), 0);
	assert_non_null(answer);
	province_take_keys(&p);
	assert_string_equal(
	    contract_ask("SELECT count(*) FROM tram.agent a WHERE (state, curve_public, signing_public) <>"
			 " (SELECT state, curve_public, signing_public FROM tram.agent_key k WHERE"
			 " k.agent_no = a.agent_no ORDER BY agent_key_no DESC LIMIT 1)"),
	    "0");
}

/* ---------------------------------------------------------------- decisions, while reports are under way */

#define HELD_YEAR  "2024"
#define HELD_VALUE 999999 /* nines alone are a placeholder: SACH-06 asks for a reason */

static void nothing(void *context, const struct quarantine_row *row)
{
	(void)row;
	(*(int *)context)++;
}

struct deciding {
	struct store *store;
	const char *decision, *id, *by;
	enum store_result result;
	struct err err;
	int decided;
};

static void *decide(void *context)
{
	struct deciding *d = context;
	const struct decision_order order = {
	    .decision = d->decision, .ids = &d->id, .n_ids = 1, .by = d->by, .reason = "số giữ chỗ"};

	d->result = store_decide(d->store, &order, nothing, &d->decided, &d->err);
	return NULL;
}

/* Decisions stop in the middle, with the agent locked, for as long as the owner holds the lock. */
static void make_decisions_wait(void)
{
	contract_ask("CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
		     " PERFORM pg_catalog.pg_advisory_xact_lock(77); RETURN NEW; END $$");
	contract_ask("CREATE TRIGGER wait BEFORE INSERT ON tram.decision FOR EACH ROW EXECUTE FUNCTION public.wait()");
	contract_ask("SELECT pg_advisory_lock(77)");
}

static void let_decisions_go(void)
{
	contract_ask("SELECT pg_advisory_unlock(77)");
}

static void undo_waiting(void)
{
	contract_ask("DROP TRIGGER wait ON tram.decision");
	contract_ask("DROP FUNCTION public.wait");
}

static const char *held_id(void)
{
	return contract_ask("SELECT id FROM tram.quarantine WHERE area = '63/46' AND time_period = '" HELD_YEAR "'");
}

/*
 * The lane has judged the second report by a past without the decision, and waits for the agent's row that the decision
 * holds. It finds its verdicts moved and judges anew: what was refused is no duplicate any more.
 */
static void what_was_judged_before_a_decision_is_judged_anew(void **state)
{
	struct bench b = bench_open();
	struct province p = {.agent = AGENT_ONE, .provider = "P63-46", .area = "63/46"};
	struct deciding d = {.store = decider, .decision = "refused", .by = "An"};
	char id[16];
	pthread_t thread;

	(void)state;
	province_start(&p);
	append_report(&p, HELD_YEAR, HELD_VALUE, "");
	append_report(&p, HELD_YEAR, HELD_VALUE, "một lần nữa");
	open_stream(&b, &p);
	publish(&b, &p, 1, 1);
	committed_through(&b, &p, 1, "3");
	snprintf(id, sizeof id, "%s", held_id());
	d.id = id;
	make_decisions_wait();
	assert_int_equal(pthread_create(&thread, NULL, decide, &d), 0);
	wait_for_locks("tram admin", "1");
	publish(&b, &p, 2, 2);
	wait_for_locks("tram lane 1", "1");
	let_decisions_go();
	assert_int_equal(pthread_join(thread, NULL), 0);
	contract_err = d.err;
	assert_result(STORE_OK, d.result);
	assert_int_equal(d.decided, 1);
	committed_through(&b, &p, 2, "3");
	assert_string_equal(
	    contract_ask("SELECT string_agg(cause, ' ' ORDER BY verdict_seq) FROM (SELECT cause, v.verdict_seq FROM"
			 " tram.verdict v JOIN tram.agent a USING (agent_no) WHERE a.agent = '%s'"
			 " ORDER BY v.verdict_seq DESC LIMIT 3) last",
			 p.agent),
	    "received refused received");
	assert_string_equal(contract_ask("SELECT count(*) = max(v.verdict_seq) AND count(*) = max(a.verdict_seq) FROM"
					 " tram.verdict v JOIN tram.agent a USING (agent_no) WHERE a.agent = '%s'",
					 p.agent),
			    "t");
	undo_waiting();
	province_clear(&p);
	bench_close(&b);
}

/* The second one waits for the first, and is told who did what. */
static void of_two_operators_one_decides(void **state)
{
	struct deciding first = {.store = decider, .decision = "released", .by = "An"};
	struct deciding second = {.decision = "refused", .by = "Bình"};
	char id[16];
	pthread_t threads[2];

	(void)state;
	snprintf(id, sizeof id, "%s", held_id());
	first.id = second.id = id;
	assert_result(STORE_OK, store_open_admin(contract_conninfo("tram_operator"), &second.store, &contract_err));
	make_decisions_wait();
	assert_int_equal(pthread_create(&threads[0], NULL, decide, &first), 0);
	wait_for_locks("tram admin", "1");
	assert_int_equal(pthread_create(&threads[1], NULL, decide, &second), 0);
	wait_for_locks("tram admin", "2");
	let_decisions_go();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	contract_err = first.err;
	assert_result(STORE_OK, first.result);
	assert_int_equal(second.result, STORE_POISON);
	assert_int_equal(second.err.kind, ERR_DATA);
	assert_non_null(strstr(second.err.text, "An"));
	assert_int_equal(second.decided, 0);
	assert_string_equal(contract_ask("SELECT string_agg(d.decided_by, ' ') FROM tram.decision d JOIN tram.held h"
					 " USING (area_no, key) WHERE h.id = '%s'",
					 id),
			    "An");
	undo_waiting();
	store_close(&second.store);
}

static void *release_all(void *context)
{
	struct deciding *d = context;
	const struct decision_order order = {
	    .decision = "released", .filter = {.rule = "SACH-06"}, .by = d->by, .reason = "đã đối chiếu"};

	d->result = store_decide(d->store, &order, nothing, &d->decided, &d->err);
	return NULL;
}

static void hold_one(struct bench *b, struct province *p)
{
	province_start(p);
	append_report(p, "2023", HELD_VALUE, "");
	open_stream(b, p);
	publish(b, p, 1, 1);
	committed_through(b, p, 1, "3");
}

/*
 * While an order for all figures of a rule waits for one agent, a figure of another one is held. Its agent is not locked, and
 * so it is none of those that the order decides: somebody else may be deciding on it.
 */
static void what_is_held_later_is_not_decided(void **state)
{
	struct bench b = bench_open();
	struct province p = {.agent = AGENT_ONE, .provider = "P63-46", .area = "63/46"};
	struct province late = {.agent = AGENT_TWO, .provider = "P63-01", .area = "63/01"};
	struct deciding d = {.store = decider, .by = "An"};
	pthread_t thread;

	(void)state;
	hold_one(&b, &p);
	contract_ask("BEGIN");
	contract_ask("SELECT 1 FROM tram.agent WHERE agent = '%s' FOR UPDATE", p.agent);
	assert_int_equal(pthread_create(&thread, NULL, release_all, &d), 0);
	wait_for_locks("tram admin", "1");
	hold_one(&b, &late);
	contract_ask("COMMIT");
	assert_int_equal(pthread_join(thread, NULL), 0);
	contract_err = d.err;
	assert_result(STORE_OK, d.result);
	assert_int_equal(d.decided, 1);
	assert_string_equal(contract_ask("SELECT string_agg(agent, ' ') FROM tram.quarantine"), late.agent);
	province_clear(&p);
	province_clear(&late);
	bench_close(&b);
}

/* ---------------------------------------------------------------- epochs */

/* HELLO makes nothing; only epochs of which something is committed count, and there are so many and no more. */
static void one_agent_has_so_many_epochs(void **state)
{
	struct bench b = bench_open();
	struct province p;
	char name[32];

	(void)state;
	new_province(&p, name);
	for (int i = 0; i < 2 * EPOCHS_MAX; i++) {
		p.epoch.bytes[0]++;
		chain_start(p.agent, &p.epoch, NULL, &p.chain[0]);
		open_stream(&b, &p);
	}
	assert_string_equal(contract_ask("SELECT count(*) FROM tram.stream WHERE agent = '%s'", name), "0");
	contract_ask("INSERT INTO tram.stream (agent, agent_no, epoch, seq, chain, first_chain) SELECT agent, agent_no,"
		     " md5(i::text), 1, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex')"
		     " FROM tram.agent, generate_series(2, %d) i WHERE agent = '%s'",
		     EPOCHS_MAX, name);
	province_start(&p);
	append_report(&p, "2015", 1050000, "");
	open_stream(&b, &p);
	publish(&b, &p, 1, 1); /* the last one */
	committed_through(&b, &p, 1, "4");
	say_hello(&b, &p); /* which goes on */
	assert_int_equal(subscribed_at(&b), 1);
	province_start(&p);
	say_hello(&b, &p);
	assert_refused(&b, name, JOB_HELLO, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY, CAUSE_TOO_MANY_EPOCHS);
	province_start(&other);
	append_report(&other, "2015", 8000000, "");
	open_stream(&b, &other);
	publish(&b, &other, 1, 1);
	committed_through(&b, &other, 1, "4");
	bench_close(&b);
}

/* ---------------------------------------------------------------- a question that cannot be answered */

/* It is refused after a few tries, and nobody else hears of it: neither that the store is away, nor a long silence. */
static void what_fails_for_one_agent_is_refused_to_one_agent(void **state)
{
	struct bench b = bench_open();
	struct province p;
	struct result *r;
	char name[32];

	(void)state;
	new_province(&p, name);
	open_stream(&b, &p);
	publish(&b, &p, 1, 1);
	committed_through(&b, &p, 1, "4");
	contract_ask("ALTER TABLE tram.stream DROP CONSTRAINT stream_chain_check");
	contract_ask("UPDATE tram.stream SET chain = '' WHERE agent = '%s'", name);
	say_hello(&b, &p);
	province_start(&other);
	say_hello(&b, &other);
	r = handoff_take(b.results, BENCH_PATIENCE_MS);
	assert_non_null(r);
	assert_int_equal(r->kind, RESULT_REFUSE);
	assert_int_equal(r->refusal, TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY);
	assert_int_equal(r->cause, CAUSE_STORE_FAILED);
	result_free(&r);
	r = handoff_take(b.results, BENCH_PATIENCE_MS);
	assert_non_null(r);
	assert_int_equal(r->kind, RESULT_SUBSCRIBE);
	assert_string_equal(r->agent, other.agent);
	result_free(&r);
	contract_ask("DELETE FROM tram.stream WHERE agent = '%s'", name);
	contract_ask("ALTER TABLE tram.stream ADD CONSTRAINT stream_chain_check CHECK (length(chain) = 32)");
	province_end(&p);
	bench_close(&b);
}

/* ---------------------------------------------------------------- what other provinces stated */

static void state_figure(struct bench *b, const char *agent, const char *provider, int64_t value, const char *outcome)
{
	struct province p = {.agent = agent, .provider = provider, .area = "63/46"};

	province_start(&p);
	append_report(&p, "2022", value, "");
	open_stream(b, &p);
	publish(b, &p, 1, 1);
	committed_through(b, &p, 1, outcome);
	province_clear(&p);
}

/* Whoever states another province's figure, for itself or in its name, is refused and learns nothing of what is stored. */
static void nothing_is_told_of_another_province(void **state)
{
	struct bench b = bench_open();

	(void)state;
	state_figure(&b, AGENT_ONE, "P63-46", 1050123, "1");
	state_figure(&b, AGENT_TWO, "P63-01", 1, "4");
	state_figure(&b, AGENT_TWO, "P63-46", 2, "4");
	assert_string_equal(
	    contract_ask("SELECT count(*) FROM tram.report_finding WHERE agent_no = (SELECT agent_no FROM"
			 " tram.agent WHERE agent = '%s') AND concat(found, expected) ~ '1050123'",
			 AGENT_TWO),
	    "0");
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_waits_when_an_agent_is_shut_out_is_not_committed),
	    cmocka_unit_test(a_revocation_is_the_last_word),
	    cmocka_unit_test(revoked_keys_stay_revoked_whoever_comes_late),
	    cmocka_unit_test(what_was_judged_before_a_decision_is_judged_anew),
	    cmocka_unit_test(of_two_operators_one_decides),
	    cmocka_unit_test(one_agent_has_so_many_epochs),
	    cmocka_unit_test(what_fails_for_one_agent_is_refused_to_one_agent),
	    cmocka_unit_test(what_is_held_later_is_not_decided),
	    cmocka_unit_test(nothing_is_told_of_another_province),
	};

	return cmocka_run_group_tests_name("fence", tests, open_all, close_all);
}
