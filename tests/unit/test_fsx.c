/* SPDX-License-Identifier: Apache-2.0 */
#include "fsx.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char dir[] = "/tmp/tram-fsx-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static size_t files_in_dir(void)
{
	size_t n = 0;
	char *command = NULL;
	FILE *out;

	assert_true(asprintf(&command, "ls -A %s | wc -l", dir) > 0);
	out = popen(command, "r");
	assert_non_null(out);
	assert_int_equal(fscanf(out, "%zu", &n), 1);
	pclose(out);
	free(command);
	return n;
}

static void written_wholly_with_its_mode(void **state)
{
	char *path = fsx_join(dir, "a");
	struct err err = {0};
	struct stat st;
	size_t len = 0, before = files_in_dir();
	char *back;

	(void)state;
	umask(077);
	assert_true(fsx_write(path, "one\0two", 7, 0644, &err));
	umask(022);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_true(fsx_write(path, "three", 5, 0600, &err));
	back = fsx_read(path, 100, &len, &err);
	assert_non_null(back);
	assert_int_equal(len, 5);
	assert_string_equal(back, "three");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(files_in_dir(), before + 1); /* nothing temporary stays */
	free(back);
	free(path);
}

static void a_failed_write_leaves_no_trace(void **state)
{
	char *path = fsx_join(dir, "folder");
	struct err err = {0};
	size_t before;

	(void)state;
	assert_true(fsx_mkdir(path, 0700, &err));
	before = files_in_dir();
	assert_false(fsx_write(path, "x", 1, 0600, &err)); /* a folder cannot be replaced by a file */
	assert_int_equal(err.kind, ERR_CANTCREAT);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(files_in_dir(), before);
	free(path);
	assert_false(fsx_write("/nowhere/at/all", "x", 1, 0600, &err));
	assert_int_equal(err.kind, ERR_CANTCREAT);
}

static void reading_is_bounded(void **state)
{
	char *path = fsx_join(dir, "big"), data[10000], *back;
	struct err err = {0};
	size_t len = 0;

	(void)state;
	memset(data, 'x', sizeof data);
	assert_true(fsx_write(path, data, sizeof data, 0600, &err));
	back = fsx_read(path, sizeof data, &len, &err);
	assert_non_null(back);
	assert_int_equal(len, sizeof data);
	assert_int_equal(back[len], 0);
	free(back);
	assert_null(fsx_read(path, sizeof data - 1, &len, &err));
	assert_int_equal(err.kind, ERR_DATA);
	assert_null(fsx_read("/dev/zero", 5000, &len, &err)); /* has no size and no end */
	assert_int_equal(err.kind, ERR_DATA);
	assert_null(fsx_read("/nowhere", 10, &len, &err));
	assert_int_equal(err.kind, ERR_NOINPUT);
	assert_non_null(strstr(err.text, "/nowhere"));
	assert_null(fsx_read(dir, 10, &len, &err));
	assert_int_equal(err.kind, ERR_IO);
	free(path);
}

static void folders_with_parents(void **state)
{
	char *path = fsx_join(dir, "x/y/z"), *file = fsx_join(dir, "plain"), *below = fsx_join(file, "z");
	struct err err = {0};
	struct stat st;

	(void)state;
	assert_true(fsx_mkdir(path, 0750, &err));
	assert_true(fsx_mkdir(path, 0750, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	assert_true(fsx_write(file, "", 0, 0600, &err));
	assert_false(fsx_mkdir(file, 0750, &err));
	assert_int_equal(err.kind, ERR_CANTCREAT);
	assert_false(fsx_mkdir(below, 0750, &err));
	free(path);
	free(file);
	free(below);
}

/* Another user's file, in a folder of each owner and mode. */
static void secrets_for_root(const char *path)
{
	static const struct {
		uid_t owner;
		mode_t mode;
		bool secret;
	} rows[] = {{65534, 0700, true},  {65534, 0755, true},  {0, 0755, true},      {0, 0700, true},
		    {65533, 0700, false}, {65534, 0775, false}, {65534, 0757, false}, {0, 01777, false}};
	struct err err = {0};
	struct stat before;

	assert_int_equal(stat(dir, &before), 0);
	assert_int_equal(chown(path, 65534, 65534), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(chown(dir, rows[i].owner, rows[i].owner), 0);
		assert_int_equal(chmod(dir, rows[i].mode), 0);
		err = (struct err){0};
		assert_int_equal(fsx_is_secret(path, &err), rows[i].secret);
		assert_int_equal(err.kind, rows[i].secret ? 0 : ERR_NOPERM);
		assert_null(strstr(err.text, "chown"));
	}
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(chown(dir, 0, 0), 0);
	assert_int_equal(chmod(dir, before.st_mode & 07777), 0);
	assert_false(fsx_is_secret(path, &err)); /* its owner does not make it one */
}

static void secrets(void **state)
{
	static const struct {
		mode_t mode;
		bool secret;
	} rows[] = {{0600, true}, {0400, true}, {0640, false}, {0604, false}, {0610, false}, {0700, true}};
	char *path = fsx_join(dir, "key");
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(fsx_write(path, "k", 1, rows[i].mode, &err));
		assert_int_equal(fsx_is_secret(path, &err), rows[i].secret);
	}
	assert_true(fsx_write(path, "k", 1, 0644, &err));
	assert_false(fsx_is_secret(path, &err));
	assert_int_equal(err.kind, ERR_NOPERM);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_false(fsx_is_secret(dir, &err));
	assert_false(fsx_is_secret("/nowhere", &err));
	assert_int_equal(err.kind, ERR_NOINPUT);
	if (geteuid() == 0) {
		assert_true(fsx_write(path, "k", 1, 0600, &err));
		secrets_for_root(path);
	}
	free(path);
}

static void a_temporary_file_has_no_name(void **state)
{
	struct err err = {0};
	size_t before = files_in_dir();
	int fd = fsx_tmpfile(dir, &err);
	char back[3] = "";

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(files_in_dir(), before);
	assert_int_equal(pwrite(fd, "hi", 2, 0), 2);
	assert_int_equal(pread(fd, back, 2, 0), 2);
	assert_string_equal(back, "hi");
	close(fd);
	assert_int_equal(fsx_tmpfile("/nowhere", &err), -1);
	assert_int_equal(err.kind, ERR_CANTCREAT);
}

static void room_and_names(void **state)
{
	char *a = fsx_join("/var/lib", "tram"), *b = fsx_join("/", "tram");

	(void)state;
	assert_true(fsx_free_bytes(dir) > 0);
	assert_int_equal(fsx_free_bytes("/nowhere"), -1);
	assert_string_equal(a, "/var/lib/tram");
	assert_string_equal(b, "/tram");
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(written_wholly_with_its_mode),
	    cmocka_unit_test(a_failed_write_leaves_no_trace),
	    cmocka_unit_test(reading_is_bounded),
	    cmocka_unit_test(folders_with_parents),
	    cmocka_unit_test(secrets),
	    cmocka_unit_test(a_temporary_file_has_no_name),
	    cmocka_unit_test(room_and_names),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
