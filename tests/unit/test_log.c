/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"
#include "clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char path[] = "/tmp/tram-log-XXXXXX";
static int saved_stderr;

/* The linker puts these in the journal's place. */
int __wrap_sd_journal_sendv(const struct iovec *iov, int n);

static char journal[4096];
static int journal_status;

int __wrap_sd_journal_sendv(const struct iovec *iov, int n)
{
	journal[0] = 0;
	for (int i = 0; i < n; i++) {
		size_t used = strlen(journal);

		snprintf(journal + used, sizeof journal - used, "%.*s|", (int)iov[i].iov_len,
			 (const char *)iov[i].iov_base);
	}
	return journal_status;
}

static int capture(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	saved_stderr = dup(STDERR_FILENO);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
		return -1;
	}
	close(fd);
	unsetenv("JOURNAL_STREAM");
	clock_set(1721350800123456, 0);
	log_start("tram-test", LOG_LEVEL_INFO);
	return 0;
}

static int restore(void **state)
{
	(void)state;
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	return unlink(path);
}

/* What was logged since the last call. */
static const char *logged(void)
{
	static char text[65536];
	ssize_t n = pread(STDERR_FILENO, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = 0;
	assert_int_equal(ftruncate(STDERR_FILENO, 0), 0);
	lseek(STDERR_FILENO, 0, SEEK_SET);
	return text;
}

#define TS "ts=2024-07-19T01:00:00.123456Z"

static void a_line_is_logfmt(void **state)
{
	(void)state;
	log_info("report.committed", "agent", "vn-46", "rows", log_num(12));
	assert_string_equal(logged(), "<6>" TS " level=info ev=report.committed agent=vn-46 rows=12\n");
	log_error("store.lost", "cause", "no route to host");
	assert_string_equal(logged(), "<3>" TS " level=error ev=store.lost cause=\"no route to host\"\n");
	log_warning("agent.silent");
	assert_string_equal(logged(), "<4>" TS " level=warning ev=agent.silent\n");
}

static const struct {
	const char *value, *written;
} values[] = {
    {"plain", "plain"},
    {"Huế", "Huế"},
    {"", "\"\""},
    {"a b", "\"a b\""},
    {"a=b", "\"a=b\""},
    {"say \"so\"", "\"say \\\"so\\\"\""},
    {"C:\\x", "\"C:\\\\x\""},
    {"two\nlines\tx", "\"two\\nlines\\tx\""},
    {"\x1b[2J", "\"\\x1b[2J\""},
    {"\x7f", "\"\\x7f\""},
    {"\xC2\x9B", "\"\\xc2\\x9b\""},
    {"a\xFFz", "\"a\\xffz\""},
    {"a\xE1\xBB", "\"a\\xe1\\xbb\""},
};

static void values_are_escaped(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char expected[200];

		snprintf(expected, sizeof expected, "<6>" TS " level=info ev=x.y v=%s w=1\n", values[i].written);
		log_info("x.y", "v", values[i].value, "w", "1");
		assert_string_equal(logged(), expected);
	}
}

static void an_absent_value_leaves_its_field_out(void **state)
{
	const struct log_field fields[] = {{"a", NULL}, {"b", "2"}};

	(void)state;
	log_event(LOG_LEVEL_INFO, "x.y", fields, 2);
	assert_string_equal(logged(), "<6>" TS " level=info ev=x.y b=2\n");
}

static void levels_are_kept_apart(void **state)
{
	(void)state;
	log_debug("x.y");
	assert_string_equal(logged(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("x.y");
	assert_string_equal(logged(), "<7>" TS " level=debug ev=x.y\n");
	log_set_level(LOG_LEVEL_WARNING);
	log_info("x.y");
	assert_string_equal(logged(), "");
	log_set_level(LOG_LEVEL_INFO);
}

static void a_long_line_is_cut_and_says_so(void **state)
{
	static char value[20000];
	const char *line;

	(void)state;
	memset(value, 'x', sizeof value - 1);
	log_info("x.y", "v", value);
	line = logged();
	assert_in_range(strlen(line), 10, 8192);
	assert_string_equal(line + strlen(line) - 4, "...\n");
	memset(value, ' ', sizeof value - 1); /* quoted: cut in the middle */
	log_info("x.y", "v", value, "after", "lost");
	line = logged();
	assert_in_range(strlen(line), 8000, 8192);
	assert_string_equal(line + strlen(line) - 4, "...\n");
	assert_null(strstr(line, "after"));
}

#define LINES 500

static void *log_many(void *name)
{
	for (int i = 0; i < LINES; i++) {
		log_info("x.y", "who", name, "n", log_num(i));
	}
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	pthread_t threads[2];
	char a[] = "a", b[] = "b", *copy, *rest, *line;
	int next[2] = {0, 0}, n;
	char who;

	(void)state;
	dup2(open(path, O_RDWR | O_APPEND | O_TRUNC), STDERR_FILENO);
	pthread_create(&threads[0], NULL, log_many, a);
	pthread_create(&threads[1], NULL, log_many, b);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	rest = copy = strdup(logged());
	while ((line = strsep(&rest, "\n")) && *line) {
		assert_int_equal(sscanf(line, "<6>" TS " level=info ev=x.y who=%c n=%d", &who, &n), 2);
		assert_int_equal(n, next[who - 'a']++);
	}
	assert_int_equal(next[0], LINES);
	assert_int_equal(next[1], LINES);
	free(copy);
}

static void name_the_stream(unsigned long long more)
{
	struct stat st;
	char text[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino + more);
	setenv("JOURNAL_STREAM", text, 1);
	log_start("tram-test", LOG_LEVEL_INFO);
}

static void the_journal_gets_fields(void **state)
{
	(void)state;
	name_the_stream(0);
	log_info("report.committed", "agent", "vn 46", "skipped", NULL, "rows", log_num(-3));
	assert_string_equal(logged(), "");
	assert_string_equal(journal,
			    "MESSAGE=ev=report.committed agent=\"vn 46\" rows=-3|PRIORITY=6|"
			    "SYSLOG_IDENTIFIER=tram-test|TRAM_EVENT=report.committed|TRAM_AGENT=vn 46|TRAM_ROWS=-3|");
	journal_status = -1; /* the journal is gone: nothing is lost */
	log_info("x.y");
	assert_string_equal(logged(), "<6>" TS " level=info ev=x.y\n");
	journal_status = 0;
	name_the_stream(1); /* stderr was redirected after systemd opened it */
	journal[0] = 0;
	log_info("x.y");
	assert_string_equal(journal, "");
	assert_string_equal(logged(), "<6>" TS " level=info ev=x.y\n");
	unsetenv("JOURNAL_STREAM");
	log_start("tram-test", LOG_LEVEL_INFO);
}

static void sixteen_numbers_at_a_time(void **state)
{
	const char *first = log_num(-9223372036854775807LL - 1), *second = log_num(2);

	(void)state;
	assert_string_equal(first, "-9223372036854775808");
	assert_string_equal(second, "2");
	for (int i = 0; i < 14; i++) {
		log_num(i);
	}
	assert_string_equal(first, "-9223372036854775808");
	log_num(5);
	assert_string_equal(first, "5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_logfmt),
	    cmocka_unit_test(values_are_escaped),
	    cmocka_unit_test(an_absent_value_leaves_its_field_out),
	    cmocka_unit_test(levels_are_kept_apart),
	    cmocka_unit_test(a_long_line_is_cut_and_says_so),
	    cmocka_unit_test(lines_of_threads_do_not_mix),
	    cmocka_unit_test(the_journal_gets_fields),
	    cmocka_unit_test(sixteen_numbers_at_a_time),
	};

	return cmocka_run_group_tests(tests, capture, restore);
}
