/* SPDX-License-Identifier: Apache-2.0 */
#include "sqlstate.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

static void test_every_code_says_what_to_do(void **state)
{
	static const struct {
		const char *sqlstate, *constraint;
		enum store_result result;
	} cases[] = {
	    {NULL, NULL, STORE_RECONNECT}, /* hung up without a word */
	    {"", NULL, STORE_RECONNECT},
	    {"08006", NULL, STORE_RECONNECT},
	    {"57P01", NULL, STORE_RECONNECT}, /* terminated by an administrator */
	    {"57P03", NULL, STORE_RECONNECT}, /* starting up */
	    {"25006", NULL, STORE_RECONNECT}, /* a standby now */
	    {"25P03", NULL, STORE_RECONNECT}, /* idle in transaction */
	    {"53300", NULL, STORE_RECONNECT}, /* too many connections */
	    {"40001", NULL, STORE_RETRY},
	    {"40P01", NULL, STORE_RETRY},
	    {"55P03", NULL, STORE_RETRY},
	    {"57014", NULL, STORE_STALLED}, /* cancelled, though class 57 */
	    {"53100", NULL, STORE_STALLED}, /* disk full */
	    {"53200", NULL, STORE_STALLED}, /* out of memory */
	    {"58030", NULL, STORE_STALLED}, /* I/O error */
	    {"XX001", NULL, STORE_STALLED}, /* data corrupted */
	    {"22003", NULL, STORE_POISON},
	    {"22021", NULL, STORE_POISON},
	    {"23514", "observation_key_check", STORE_POISON},
	    {"23502", NULL, STORE_POISON},
	    {"21000", NULL, STORE_POISON},
	    {"54000", NULL, STORE_POISON},
	    {"23505", "observation_pkey", STORE_CONFLICT},
	    {"23505", "observation_pkey_102008", STORE_CONFLICT}, /* as Citus names a shard's */
	    {"23505", "observation_note_pkey", STORE_CONFLICT},
	    {"23505", "report_pkey", STORE_FENCED},
	    {"23505", "report_finding_pkey", STORE_FENCED},
	    {"23505", "batch_pkey", STORE_FENCED},
	    {"23505", "poison_pkey", STORE_FENCED},
	    {"23505", "verdict_pkey", STORE_FENCED},
	    {"23505", "catalogue_pkey", STORE_POISON},
	    {"23505", NULL, STORE_POISON},
	    {"42P01", NULL, STORE_BROKEN},
	    {"42501", NULL, STORE_BROKEN},
	    {"28P01", NULL, STORE_BROKEN},
	    {"3D000", NULL, STORE_BROKEN},
	    {"3F000", NULL, STORE_BROKEN},
	    {"0A000", NULL, STORE_BROKEN},
	    {"25001", NULL, STORE_BROKEN}, /* not in the table: a person has to look */
	    {"ZZ999", NULL, STORE_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum store_result result = sqlstate_result(cases[i].sqlstate, cases[i].constraint);

		if (result != cases[i].result) {
			fail_msg("%s on %s is %s and not %s", cases[i].sqlstate ? cases[i].sqlstate : "nothing",
				 cases[i].constraint ? cases[i].constraint : "nothing", store_result_name(result),
				 store_result_name(cases[i].result));
		}
	}
}

static void test_every_result_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(store_result_name(STORE_OK), "ok");
	assert_string_equal(store_result_name(STORE_BROKEN), "broken");
	for (int i = STORE_OK; i <= STORE_BROKEN; i++) {
		assert_non_null(store_result_name((enum store_result)i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_code_says_what_to_do),
	    cmocka_unit_test(test_every_result_has_a_name),
	};

	return cmocka_run_group_tests_name("sqlstate", tests, NULL, NULL);
}
