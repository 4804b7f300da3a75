/* SPDX-License-Identifier: Apache-2.0 */
#include "conf.h"
#include "fsx.h"

#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct settings {
	char *agent, *directory, *mode;
	int64_t credit, size, wait;
	bool strict;
};

#define AT(member) offsetof(struct settings, member)

static const struct conf_setting table[] = {
    {"agent", CONF_TEXT, AT(agent), NULL, 0, 0, NULL, false, "who this is"},
    {"directory", CONF_PATH, AT(directory), "/var/lib/x", 0, 0, NULL, true, "where things lie"},
    {"mode", CONF_CHOICE, AT(mode), "fast", 0, 0, "fast|slow", true, "how it goes"},
    {"credit", CONF_COUNT, AT(credit), "64", 1, 1000, NULL, true, "how many at once"},
    {"size", CONF_BYTES, AT(size), "64KiB", 1024, 1 << 30, NULL, false, "how much"},
    {"wait", CONF_DURATION, AT(wait), "30s", 0, 0, NULL, true, "how long"},
    {"strict", CONF_FLAG, AT(strict), "no", 0, 0, NULL, true, "whether"},
};
static const size_t n_table = sizeof table / sizeof *table;

static char dir[] = "/tmp/tram-conf-XXXXXX";
static char *path;

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir)) {
		return -1;
	}
	path = fsx_join(dir, "x.conf");
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	free(path);
	return rmdir(dir);
}

static void save_bytes(const char *text, size_t len)
{
	struct err err;

	assert_true(fsx_write(path, text, len, 0600, &err));
}

static void save(const char *text)
{
	save_bytes(text, strlen(text));
}

static void defaults_without_a_file(void **state)
{
	struct settings s;
	struct err err;

	(void)state;
	assert_true(conf_load(table, n_table, NULL, &s, &err));
	assert_null(s.agent);
	assert_string_equal(s.directory, "/var/lib/x");
	assert_string_equal(s.mode, "fast");
	assert_int_equal(s.credit, 64);
	assert_int_equal(s.size, 65536);
	assert_int_equal(s.wait, 30000000);
	assert_false(s.strict);
	conf_clear(table, n_table, &s);
	assert_null(s.directory);
	assert_int_equal(s.credit, 0);
}

static void all_kinds_from_a_file(void **state)
{
	struct settings s;
	struct err err = {0};
	char *expected = fsx_join(dir, "lib/data");

	(void)state;
	save("\xEF\xBB\xBF# a remark\r\n; another\r\n\r\nagent=Cà Mau = 96\r\n\t directory = lib/data\r\n"
	     "mode: slow\r\ncredit = 1000 ; most\r\nsize = 2 MiB\nwait = 12h\nstrict = yes");
	if (!conf_load(table, n_table, path, &s, &err)) {
		fail_msg("%s", err.text);
	}
	assert_string_equal(s.agent, "Cà Mau = 96");
	assert_string_equal(s.directory, expected);
	assert_string_equal(s.mode, "slow");
	assert_int_equal(s.credit, 1000);
	assert_int_equal(s.size, 2 << 20);
	assert_int_equal(s.wait, INT64_C(12) * 3600 * 1000000);
	assert_true(s.strict);
	conf_clear(table, n_table, &s);
	free(expected);
}

/* What a value may be: {line, ok}. */
static const struct {
	const char *line;
	bool fine;
} values[] = {
    {"credit = 1", true},
    {"credit = 0", false},
    {"credit = 1001", false},
    {"credit = -5", false},
    {"credit = 1s", false},
    {"credit = 0x10", false},
    {"credit =", false},
    {"credit = +5", false},
    {"credit = 1.5", false},
    {"credit = 99999999999999999999", false},
    {"size = 4096", true},
    {"size = 1KiB", true},
    {"size = 1023", false},
    {"size = 1GiB", true},
    {"size = 1025MiB", false},
    {"size = 1kb", false},
    {"size = 9000000TiB", false},
    {"size = 2048B", true},
    {"size = 1 KiB", true},
    {"wait = 500ms", true},
    {"wait = 30", false},
    {"wait = 0", true},
    {"wait = 30d", true},
    {"wait = 5min", true},
    {"wait = 5m", false},
    {"wait = 99999999999d", false},
    {"wait = -1s", false},
    {"wait = 10us", true},
    {"strict = no", true},
    {"strict = true", false},
    {"strict = yess", false},
    {"mode = fast", true},
    {"mode = fas", false},
    {"mode = fast|slow", false},
    {"mode =", false},
    {"mode = slow", true},
    {"mode = slower", false},
};

static void values_and_bounds(void **state)
{
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct settings s;
		struct err err = {0};
		bool done;

		snprintf(text, sizeof text, "agent = a\n%s\n", values[i].line);
		save(text);
		done = conf_load(table, n_table, path, &s, &err);
		if (done != values[i].fine) {
			fail_msg("%s: %s", values[i].line, done ? "taken" : err.text);
		}
		if (done) {
			conf_clear(table, n_table, &s);
			continue;
		}
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_non_null(strstr(err.text, "x.conf:2: "));
		assert_null(strchr(err.text, '\n')); /* one mistake, one line */
	}
}

/* Each file and a piece of what is said about it. */
static const struct {
	const char *file, *said;
} mistakes[] = {
    {"", "agent must be given: who this is"},
    {"agent =\n", "x.conf:1: agent must be given"},
    {"agent = a\ncredt = 5\n", "x.conf:2: there is no setting \"credt\"; did you mean credit?"},
    {"agent = a\nnothing_like_it = 5\n", "x.conf:2: there is no setting \"nothing_like_it\"\n"},
    {"agent = a\ncredit = 5\nagent = b\n", "x.conf:3: agent is given a second time (first in line 1)"},
    {"agent = a\n[section]\n", "x.conf:2: there are no sections here"},
    {"agent = a\n  [section]\n", "x.conf:2: there are no sections here"},
    {"agent = a\njust words\n", "x.conf:2: not a setting"},
    {"agent = a\n\n  credit\n", "x.conf:3: not a setting"},
    {"agent = a\ncredit = 5000\n", "x.conf:2: credit must be from 1 to 1000, not 5000"},
    {"agent = a\nsize = 1\n", "x.conf:2: size must be from 1KiB to 1GiB, not 1"},
    {"agent = a\nwait = 30\n", "x.conf:2: wait must be a duration such as"},
    {"agent = a\nmode = medium\n", "x.conf:2: mode must be one of fast|slow, not \"medium\""},
    {"agent = a\nstrict = 1\n", "x.conf:2: strict must be yes or no, not \"1\""},
    {"agent = a\n\ndirectory = \xFF\n", "x.conf:3: not a text file in UTF-8"},
};

static void mistakes_name_line_and_remedy(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		struct settings s;
		struct err err = {0};
		char text[ERR_TEXT_MAX + 1];

		save(mistakes[i].file);
		assert_false(conf_load(table, n_table, path, &s, &err));
		assert_null(s.agent);
		snprintf(text, sizeof text, "%s\n", err.text);
		if (!strstr(text, mistakes[i].said)) {
			fail_msg("row %zu says: %s", i, err.text);
		}
	}
}

static void every_mistake_is_said(void **state)
{
	struct settings s;
	struct err err = {0};

	(void)state;
	save("credt = 5\nsize = 1\nstrict = perhaps\n");
	assert_false(conf_load(table, n_table, path, &s, &err));
	assert_non_null(strstr(err.text, "x.conf:1: "));
	assert_non_null(strstr(err.text, "x.conf:2: "));
	assert_non_null(strstr(err.text, "x.conf:3: "));
	assert_non_null(strstr(err.text, "agent must be given"));
}

static void mistakes_beyond_room_are_counted(void **state)
{
	char text[100 * 24] = "";
	struct settings s;
	struct err err = {0};
	size_t lines = 1, more = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text + strlen(text), sizeof text - strlen(text), "wrong_name_%d = 1\n", i);
	}
	save(text);
	assert_false(conf_load(table, n_table, path, &s, &err));
	for (const char *p = err.text; (p = strchr(p, '\n')); p++) {
		lines++;
	}
	assert_int_equal(sscanf(strrchr(err.text, '\n') + 1, "and %zu more", &more), 1);
	assert_int_equal(lines - 1 + more, 101); /* and the agent that is missing */
}

static void long_lines_are_not_cut(void **state)
{
	static char text[6000];
	struct settings s;
	struct err err = {0};

	(void)state;
	memset(text, 'x', sizeof text);
	memcpy(text, "agent = ", 8);
	strcpy(text + 4000, "\ncredit = 5\n");
	save(text);
	assert_true(conf_load(table, n_table, path, &s, &err));
	assert_int_equal(strlen(s.agent), 4000 - 8);
	assert_int_equal(s.credit, 5);
	conf_clear(table, n_table, &s);
	memset(text, 'x', sizeof text);
	memcpy(text, "agent = ", 8);
	text[5000] = 0;
	save(text);
	assert_false(conf_load(table, n_table, path, &s, &err));
	assert_non_null(strstr(err.text, "x.conf:1: the line is longer than 4096 bytes"));
}

static void a_nul_is_not_a_text(void **state)
{
	struct settings s;
	struct err err = {0};

	(void)state;
	save_bytes("agent = a\0b\n", 12);
	assert_false(conf_load(table, n_table, path, &s, &err));
	assert_non_null(strstr(err.text, "x.conf:1: not a text file"));
}

static void no_file_no_settings(void **state)
{
	struct settings s;
	struct err err = {0};

	(void)state;
	assert_false(conf_load(table, n_table, "/nowhere/x.conf", &s, &err));
	assert_int_equal(err.kind, ERR_NOINPUT);
	assert_non_null(strstr(err.text, "/nowhere/x.conf"));
}

static char *printed(const struct settings *s)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	conf_print(table, n_table, s, out);
	fclose(out);
	return text;
}

static void what_is_printed_reads_back(void **state)
{
	struct settings s, again;
	struct err err = {0};
	char *text;

	(void)state;
	save("agent = Huế\ncredit = 7\nsize = 3KiB\nwait = 90s\nstrict = yes\nmode = slow\ndirectory = d\n");
	assert_true(conf_load(table, n_table, path, &s, &err));
	text = printed(&s);
	assert_non_null(strstr(text, "# how long\n# default: 30s; at least 0; taken up on reload\nwait = 90s\n"));
	assert_non_null(strstr(text, "# who this is\n# must be given; taken up on restart\nagent = Huế\n"));
	save(text);
	assert_true(conf_load(table, n_table, path, &again, &err));
	assert_string_equal(again.agent, s.agent);
	assert_string_equal(again.directory, s.directory);
	assert_string_equal(again.mode, s.mode);
	assert_int_equal(again.credit, s.credit);
	assert_int_equal(again.size, s.size);
	assert_int_equal(again.wait, s.wait);
	assert_int_equal(again.strict, s.strict);
	free(text);
	conf_clear(table, n_table, &s);
	conf_clear(table, n_table, &again);
	assert_true(conf_load(table, n_table, NULL, &s, &err));
	text = printed(&s);
	assert_non_null(strstr(text, "\n# agent =\n"));
	free(text);
	conf_clear(table, n_table, &s);
}

static void reload_takes_up_what_it_may(void **state)
{
	struct settings s;
	struct err err = {0};
	char *kept = NULL;

	(void)state;
	save("agent = a\ncredit = 7\n");
	assert_true(conf_load(table, n_table, path, &s, &err));
	save("agent = b\ncredit = 9\nsize = 2KiB\nmode = slow\nstrict = yes\n");
	assert_true(conf_reload(table, n_table, path, &s, &kept, &err));
	assert_string_equal(kept, "agent, size");
	assert_string_equal(s.agent, "a");
	assert_int_equal(s.size, 65536);
	assert_int_equal(s.credit, 9);
	assert_string_equal(s.mode, "slow");
	assert_true(s.strict);
	free(kept);
	save("agent = a\ncredit = none\n");
	assert_false(conf_reload(table, n_table, path, &s, &kept, &err));
	assert_null(kept);
	assert_int_equal(s.credit, 9);
	assert_string_equal(s.mode, "slow");
	save("agent = a\n");
	assert_true(conf_reload(table, n_table, path, &s, &kept, &err));
	assert_null(kept);
	assert_int_equal(s.credit, 64);
	conf_clear(table, n_table, &s);
}

static void one_value_of_a_strange_file(void **state)
{
	struct err err;
	char *value;
	(void)state;
	save("# feed = no\n[x]\n what is this\nother = 1\n  feed = ipc:///run/feed \nfeed = second\n");
	assert_true(conf_peek(path, "feed", &value, &err));
	assert_string_equal(value, "ipc:///run/feed");
	free(value);
	assert_true(conf_peek(path, "nothing", &value, &err));
	assert_null(value);
	assert_false(conf_peek("/tmp/no/such/file", "feed", &value, &err));
	assert_non_null(strstr(err.text, "/tmp/no/such/file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_without_a_file),     cmocka_unit_test(all_kinds_from_a_file),
	    cmocka_unit_test(values_and_bounds),           cmocka_unit_test(mistakes_name_line_and_remedy),
	    cmocka_unit_test(every_mistake_is_said),       cmocka_unit_test(mistakes_beyond_room_are_counted),
	    cmocka_unit_test(long_lines_are_not_cut),      cmocka_unit_test(a_nul_is_not_a_text),
	    cmocka_unit_test(no_file_no_settings),         cmocka_unit_test(what_is_printed_reads_back),
	    cmocka_unit_test(one_value_of_a_strange_file), cmocka_unit_test(reload_takes_up_what_it_may),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
