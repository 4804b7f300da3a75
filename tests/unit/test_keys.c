/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"
#include "fsx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct place {
	char dir[64], secret[96], public[96];
	struct keys keys;
	struct err err;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	snprintf(p->dir, sizeof p->dir, "/tmp/tram-keys-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->secret, sizeof p->secret, "%s/agent.key", p->dir);
	snprintf(p->public, sizeof p->public, "%s/agent.pub", p->dir);
	assert_true(keys_make("agent-63-46", &p->keys, &p->err));
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	unlink(p->secret);
	unlink(p->public);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void test_saved_and_loaded(void **state)
{
	struct place *p = *state;
	struct keys loaded;
	struct stat st;
	assert_true(keys_save(&p->keys, p->secret, &p->err));
	assert_int_equal(stat(p->secret, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(p->public, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);

	if (!keys_load_secret(p->secret, &loaded, &p->err))
		fail_msg("%s", p->err.text);
	assert_memory_equal(&loaded, &p->keys, sizeof loaded);

	if (!keys_load_public(p->public, &loaded, &p->err))
		fail_msg("%s", p->err.text);
	assert_string_equal(loaded.name, "agent-63-46");
	assert_string_equal(loaded.curve_public, p->keys.curve_public);
	assert_memory_equal(loaded.sign_public, p->keys.sign_public, SIGN_PUBLIC_SIZE);
	assert_string_equal(loaded.curve_secret, "");
	const uint8_t zero[SIGN_SECRET_SIZE] = {0};
	assert_memory_equal(loaded.sign_secret, zero, SIGN_SECRET_SIZE);
}

/* CURVE keys are Z85, which uses characters that mean something in INI: none may be lost. */
static void test_many_random_keys(void **state)
{
	struct place *p = *state;
	for (int i = 0; i < 50; i++) {
		struct keys keys, loaded;
		assert_true(keys_make("x", &keys, &p->err));
		assert_true(keys_save(&keys, p->secret, &p->err));
		if (!keys_load_secret(p->secret, &loaded, &p->err))
			fail_msg("%s %s", p->err.text, keys.curve_secret);
		assert_memory_equal(&loaded, &keys, sizeof keys);
		unlink(p->secret);
		unlink(p->public);
	}
}

static void test_never_overwritten(void **state)
{
	struct place *p = *state;
	struct keys other;
	assert_true(keys_make("other", &other, &p->err));
	assert_true(keys_save(&p->keys, p->secret, &p->err));
	assert_false(keys_save(&other, p->secret, &p->err));
	assert_int_equal(p->err.kind, ERR_CANTCREAT);
	unlink(p->secret);
	assert_false(keys_save(&other, p->secret, &p->err)); /* the public file is still there */
	assert_int_not_equal(access(p->secret, F_OK), 0);
	assert_false(keys_save(&other, "/tmp/no-ending", &p->err));
	assert_int_equal(p->err.kind, ERR_USAGE);
}

static void test_others_must_not_read(void **state)
{
	struct place *p = *state;
	struct keys loaded;
	assert_true(keys_save(&p->keys, p->secret, &p->err));
	chmod(p->secret, 0640);
	assert_false(keys_load_secret(p->secret, &loaded, &p->err));
	assert_int_equal(p->err.kind, ERR_NOPERM);
}

/* Changes one field's line in the secret file. */
static void replace_field(const struct place *p, const char *field, const char *value)
{
	struct err err;
	size_t len;
	char *text = fsx_read(p->secret, 65536, &len, &err), out[8192] = "";
	assert_non_null(text);
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		size_t name = strlen(field);
		if (strncmp(line, field, name) == 0 && line[name] == ' ') {
			if (value)
				sprintf(out + strlen(out), "%s = %s\n", field, value);
		} else {
			sprintf(out + strlen(out), "%s\n", line);
		}
	}
	assert_true(fsx_write(p->secret, out, strlen(out), 0600, &err));
	free(text);
}

static void test_damaged(void **state)
{
	struct place *p = *state;
	struct keys other, loaded;
	assert_true(keys_make("x", &other, &p->err));
	const struct {
		const char *field, *value; /* NULL: the line is gone */
	} cases[] = {
	    {"kind", "tram-public-keys-v1"},
	    {"kind", NULL},
	    {"name", "Not A Name"},
	    {"name", ""},
	    {"curve_public", "short"},
	    {"curve_public", other.curve_public},
	    {"curve_secret", NULL},
	    {"curve_secret", other.curve_secret},
	    {"curve_secret", "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""},
	    {"sign_public", "00"},
	    {"sign_public", "zz"},
	    {"sign_secret", "1234"},
	    {"sign_public", "0000000000000000000000000000000000000000000000000000000000000000"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_true(keys_save(&p->keys, p->secret, &p->err));
		replace_field(p, cases[i].field, cases[i].value);
		if (keys_load_secret(p->secret, &loaded, &p->err))
			fail_msg("case %zu (%s): was loaded", i, cases[i].field);
		if (!strstr(p->err.text, p->secret))
			fail_msg("case %zu: the file is not named: %s", i, p->err.text);
		const struct keys zero = {0};
		assert_memory_equal(&loaded, &zero, sizeof zero);
		unlink(p->secret);
		unlink(p->public);
	}
}

static void test_not_there(void **state)
{
	struct place *p = *state;
	struct keys loaded;
	assert_false(keys_load_secret(p->secret, &loaded, &p->err));
	assert_non_null(strstr(p->err.text, p->secret));
	assert_false(keys_load_public(p->public, &loaded, &p->err));
	assert_non_null(strstr(p->err.text, p->public));
	assert_true(keys_save(&p->keys, p->secret, &p->err));
	assert_false(keys_load_secret(p->public, &loaded, &p->err)); /* readable by all, and the wrong kind */
	assert_false(keys_load_public(p->secret, &loaded, &p->err));
}

static void test_names(void **state)
{
	(void)state;
	const struct {
		const char *name;
		bool valid;
	} cases[] = {
	    {"agent-63-46", true},
	    {"a", true},
	    {"0", true},
	    {"centre", true},
	    {"", false},
	    {"-a", false},
	    {"A", false},
	    {"a b", false},
	    {"a/b", false},
	    {"a.b", false},
	    {"tỉnh", false},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct keys keys;
		struct err err;
		if (keys_make(cases[i].name, &keys, &err) != cases[i].valid)
			fail_msg("\"%s\"", cases[i].name);
	}
}

static void test_fingerprint(void **state)
{
	struct place *p = *state;
	struct keys changed = p->keys;
	char one[40], two[40];
	keys_fingerprint(&p->keys, one);
	assert_int_equal(strlen(one), 39);
	for (size_t i = 0; i < 39; i++)
		assert_true(i % 5 == 4 ? one[i] == '-' : strchr("0123456789abcdef", one[i]) != NULL);
	memset(changed.sign_secret, 0, sizeof changed.sign_secret);
	assert_string_equal(keys_fingerprint(&changed, two), one); /* of the public halves alone */
	changed.sign_public[0] ^= 1;
	assert_string_not_equal(keys_fingerprint(&changed, two), one);
	keys_wipe(&changed);
	assert_string_equal(changed.name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_saved_and_loaded, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_random_keys, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_never_overwritten, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_others_must_not_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_not_there, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_fingerprint, setup, teardown),
	    cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
