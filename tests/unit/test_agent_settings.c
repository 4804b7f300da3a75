/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define GOOD "agent = agent-63-46\ncentre = tcp://10.0.0.1:24600\n"

static bool load(const char *text, struct agent_settings *ret, struct err *err)
{
	char path[] = "/tmp/tram-settings-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	bool fine = agent_settings_load(path, ret, err);
	unlink(path);
	return fine;
}

static void test_defaults(void **state)
{
	struct agent_settings s;
	struct err err;
	(void)state;
	if (!load(GOOD, &s, &err))
		fail_msg("%s", err.text);
	assert_string_equal(s.agent, "agent-63-46");
	assert_string_equal(s.directory, "/var/lib/tram-agent");
	assert_int_equal(s.retention, INT64_C(30) * 86400 * 1000000);
	assert_int_equal(s.batch_bytes, 256 << 10);
	assert_int_equal(s.batch_reports, 500);
	assert_int_equal(s.report_bytes, 1 << 20);
	assert_int_equal(agent_settings_log_level(&s), LOG_LEVEL_INFO);
	agent_settings_clear(&s);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *named;
	} cases[] = {
	    {"centre = tcp://a:1\n", "agent"},
	    {"agent = a\n", "centre"},
	    {"agent = A b\ncentre = tcp://a:1\n", "A b"},
	    {"agent = a\ncentre = 10.0.0.1:24600\n", "tcp://HOST:PORT"},
	    {"agent = a\ncentre = tcp://\n", "tcp://HOST:PORT"},
	    {"agent = a\ncentre = tcp://host\n", "tcp://HOST:PORT"},
	    {"agent = a\ncentre = tcp://host:\n", "tcp://HOST:PORT"},
	    {"agent = a\ncentre = tcp://host:port\n", "tcp://HOST:PORT"},
	    {"agent = a\ncentre = tcp://*:24600\n", "tcp://HOST:PORT"},
	    {GOOD "reconnect = 2s\nreconnect_max = 1s\n", "reconnect_max"},
	    {GOOD "report_bytes = 2MiB\nsubmission_bytes = 1MiB\n", "submission_bytes"},
	    {GOOD "outbox_bytes = 5\n", "outbox_bytes"},
	    {GOOD "log_level = loud\n", "log_level"},
	    {GOOD "no_such = 1\n", "no_such"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct agent_settings s;
		struct err err;
		if (load(cases[i].text, &s, &err))
			fail_msg("case %zu was taken", i);
		if (err.kind != ERR_CONFIG || !strstr(err.text, cases[i].named))
			fail_msg("case %zu: %s", i, err.text);
		agent_settings_clear(&s);
	}
}

static void test_printed_and_read_back(void **state)
{
	struct agent_settings s, again;
	struct err err;
	char *text;
	size_t len;
	(void)state;
	assert_true(load(GOOD "retention = 7d\nlog_level = debug\n", &s, &err));
	FILE *out = open_memstream(&text, &len);
	agent_settings_print(&s, out);
	fclose(out);
	if (!load(text, &again, &err))
		fail_msg("%s", err.text);
	assert_int_equal(again.retention, s.retention);
	assert_int_equal(agent_settings_log_level(&again), LOG_LEVEL_DEBUG);
	for (size_t i = 0; i < agent_settings_count; i++)
		assert_non_null(strstr(text, agent_settings_table[i].name));
	free(text);
	agent_settings_clear(&s);
	agent_settings_clear(&again);
}

static void test_reload_all_or_nothing(void **state)
{
	char path[] = "/tmp/tram-settings-XXXXXX", *kept;
	struct agent_settings s;
	struct err err;
	(void)state;
	assert_true(load(GOOD, &s, &err));
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	fputs("agent = agent-63-46\ncentre = nowhere\nretention = 1d\n", f);
	fclose(f);
	assert_false(agent_settings_reload(path, &s, &kept, &err));
	assert_int_equal(s.retention, INT64_C(30) * 86400 * 1000000);
	f = fopen(path, "w");
	fputs("agent = agent-63-46\ncentre = tcp://other:1\nretention = 1d\n", f);
	fclose(f);
	assert_true(agent_settings_reload(path, &s, &kept, &err));
	assert_int_equal(s.retention, INT64_C(86400) * 1000000);
	assert_string_equal(s.centre, "tcp://10.0.0.1:24600"); /* only at the next start */
	assert_non_null(strstr(kept, "centre"));
	free(kept);
	unlink(path);
	agent_settings_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_mistakes),
	    cmocka_unit_test(test_printed_and_read_back),
	    cmocka_unit_test(test_reload_all_or_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
