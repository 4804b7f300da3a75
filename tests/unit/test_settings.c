/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "road.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char path[] = "/tmp/tram-settings-XXXXXX";

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void the_defaults_are_sound(void **state)
{
	(void)state;
	struct settings s;
	struct err err;
	assert_true(settings_load(NULL, &s, &err));
	assert_int_equal(s.credit_total, 256 << 20);
	assert_int_equal(s.credit_agent, 4 << 20);
	assert_int_equal(s.credit_batches, 32);
	assert_int_equal(s.heartbeat, 5000000);
	assert_true(s.judge);
	assert_string_equal(s.control,
			    "/run/tram-aggregator/control"); /* what `tram status --centre` asks unless told */
	assert_string_equal(s.feed, ROAD_FEED_ENDPOINT);     /* what `tram tail` listens to unless told */
	settings_clear(&s);
	assert_null(s.road);
}

/* The shipped settings, 63 provinces and one more. MemoryMax= of the service is this figure, rounded up. */
static void memory_follows_from_the_settings(void **state)
{
	(void)state;
	struct settings s;
	struct err err;
	const int64_t mib = 1 << 20;
	assert_true(settings_load(NULL, &s, &err));
	struct settings_memory m = settings_memory(&s);
	assert_in_range(m.itself + 64 * m.each, 1024 * mib, 1920 * mib);
	s.receive_high_water++;
	assert_int_equal(settings_memory(&s).each - m.each, s.message_bytes);
	s.credit_total += mib;
	s.lane_arena += 4 * mib;
	s.history_memory += 2 * mib;
	assert_int_equal(settings_memory(&s).itself - m.itself, mib + s.lanes * (4 * mib + 3 * mib / 2 + 2 * mib));
	int64_t before = settings_memory(&s).itself;
	s.peer_memory += mib;
	assert_int_equal(settings_memory(&s).itself - before, (s.lanes + 6) * mib);
	s.peer_cut_every = 0;
	assert_int_equal(settings_memory(&s).itself, before - (s.lanes + 6) * (s.peer_memory - mib));
	before = settings_memory(&s).itself;
	s.http_memory += 3 * mib;
	s.http_rows += 1024;
	s.http_connections += 32;
	assert_int_equal(settings_memory(&s).itself - before, 3 * mib + s.http_readers * 2 * mib + mib);
	s.http[0] = '\0'; /* nowhere */
	assert_true(settings_memory(&s).itself < before);
	settings_clear(&s);
}

static void what_is_printed_is_read_back(void **state)
{
	(void)state;
	struct settings first, second;
	struct err err;
	write_file("road = tcp://127.0.0.1:24999\nlanes = 7\nheartbeat = 250ms\njudge = no\n");
	assert_true(settings_load(path, &first, &err));
	FILE *f = fopen(path, "w");
	settings_print(&first, f);
	assert_int_equal(fclose(f), 0);
	assert_true(settings_load(path, &second, &err));
	assert_string_equal(second.road, "tcp://127.0.0.1:24999");
	assert_int_equal(second.lanes, 7);
	assert_int_equal(second.heartbeat, 250000);
	assert_false(second.judge);
	assert_string_equal(second.database, first.database);
	settings_clear(&first);
	settings_clear(&second);
}

static void what_does_not_fit_together_is_named(void **state)
{
	(void)state;
	const struct {
		const char *text, *named;
	} cases[] = {
	    {"report_bytes = 4MiB\n", "message_bytes"},
	    {"credit_agent = 1MiB\n", "credit_agent"},
	    {"credit_total = 2MiB\n", "credit_total"},
	    {"batch_bytes = 1MiB\n", "batch_bytes"},
	    {"road = 127.0.0.1:24600\n", "tcp://ADDRESS:PORT"},
	    {"road = ipc:///tmp/road\n", "tcp://ADDRESS:PORT"},
	    {"feed = udp://x\n", "feed must be"},
	    {"feed = tcp://127.0.0.1:24601\n", "feed_keys"},
	    {"lanes = 0\n", ":1: lanes"},
	    {"lane = 2\n", "did you mean lanes"},
	    {"high_water = 1\n", ":1: high_water"},
	    {"receive_high_water = 1\n",
	     ":1: receive_high_water"}, /* ROUTER queues a routing id first: nothing else would come in */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings s;
		struct err err = {0};
		write_file(cases[i].text);
		if (settings_load(path, &s, &err))
			fail_msg("%s was taken", cases[i].text);
		assert_int_equal(err.kind, ERR_CONFIG);
		if (!strstr(err.text, cases[i].named) || !strstr(err.text, path))
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

static void a_reload_takes_what_may_change(void **state)
{
	(void)state;
	struct settings s;
	struct err err;
	char *kept;
	write_file("credit_agent = 2MiB\nlanes = 3\n");
	assert_true(settings_load(path, &s, &err));
	write_file("credit_agent = 3MiB\nlanes = 4\n");
	assert_true(settings_reload(path, &s, &kept, &err));
	assert_int_equal(s.credit_agent, 3 << 20);
	assert_int_equal(s.lanes, 3);
	assert_string_equal(kept, "lanes");
	free(kept);
	write_file("credit_agent = 1KiB\nheartbeat = 1s\n"); /* out of bounds: nothing of it */
	assert_false(settings_reload(path, &s, &kept, &err));
	write_file("credit_total = 1MiB\nheartbeat = 1s\n"); /* does not fit together: nothing of it */
	assert_false(settings_reload(path, &s, &kept, &err));
	assert_int_equal(s.heartbeat, 5000000);
	assert_int_equal(s.credit_agent, 3 << 20);
	settings_clear(&s);
}

int main(void)
{
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_defaults_are_sound),         cmocka_unit_test(memory_follows_from_the_settings),
	    cmocka_unit_test(what_is_printed_is_read_back),   cmocka_unit_test(what_does_not_fit_together_is_named),
	    cmocka_unit_test(a_reload_takes_what_may_change),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
