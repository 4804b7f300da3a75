/* SPDX-License-Identifier: Apache-2.0 */
#include "fsx.h"
#include "lang.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Reads until the end or until more than max bytes have come; -1 on error. */
static ssize_t read_upto(int fd, char **datap, size_t max)
{
	size_t used = 0, size = 4096;
	char *data = xmalloc(size);
	ssize_t n = 1;

	while (used <= max && n != 0) {
		if (used + 1 >= size) {
			data = xrealloc(data, size *= 2);
		}
		n = read(fd, data + used, size - used - 1);
		if (n < 0 && errno != EINTR) {
			free(data);
			return -1;
		}
		used += n > 0 ? (size_t)n : 0;
	}
	data[used] = 0;
	*datap = data;
	return (ssize_t)used;
}

char *fsx_read(const char *path, size_t max, size_t *ret_len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *data = NULL;
	ssize_t n;

	if (fd < 0) {
		err_set_errno(err, ERR_NOINPUT, _("cannot open %s"), path);
		return NULL;
	}
	n = read_upto(fd, &data, max);
	if (n < 0) {
		err_set_errno(err, ERR_IO, _("cannot read %s"), path);
	} else if ((size_t)n > max) {
		err_set(err, ERR_DATA, _("%s is too big: more than %zu bytes"), path, max);
		free(data);
		data = NULL;
	} else if (ret_len) {
		*ret_len = (size_t)n;
	}
	close(fd);
	return data;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
}

bool fsx_sync_folder_of(const char *path, struct err *err)
{
	char *dir = folder_of(path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = fd >= 0 && fsync(fd) == 0;

	if (!done) {
		err_set_errno(err, ERR_IO, _("cannot flush the folder %s to disk"), dir);
	}
	if (fd >= 0) {
		close(fd);
	}
	free(dir);
	return done;
}

FILE *fsx_begin(const char *path, mode_t mode, char **ret_temporary, struct err *err)
{
	char *temporary = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");

	if (!file) {
		err_set_errno(err, ERR_CANTCREAT, _("cannot make a file beside %s"), path);
		if (fd >= 0) {
			close(fd);
			unlink(temporary);
		}
		free(temporary);
		return NULL;
	}
	*ret_temporary = temporary;
	if (fchmod(fd, mode) < 0) {
		err_set_errno(err, ERR_IO, _("cannot write %s"), temporary);
		fsx_abandon(file, temporary);
		return NULL;
	}
	return file;
}

bool fsx_finish(FILE *file, const char *path, char *temporary, struct err *err)
{
	if (ferror(file) || fflush(file) != 0 || fsync(fileno(file)) < 0) {
		err_set_errno(err, ERR_IO, _("cannot write %s"), temporary);
	} else if (rename(temporary, path) < 0) {
		err_set_errno(err, ERR_CANTCREAT, _("cannot put %s in its place"), path);
	} else {
		fclose(file);
		free(temporary);
		return fsx_sync_folder_of(path, err);
	}
	fsx_abandon(file, temporary);
	return false;
}

void fsx_abandon(FILE *file, char *temporary)
{
	fclose(file);
	unlink(temporary);
	free(temporary);
}

bool fsx_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	char *temporary;
	FILE *file = fsx_begin(path, mode, &temporary, err);

	if (!file) {
		return false;
	}
	setvbuf(file, NULL, _IONBF, 0); /* no copy of a secret is left behind */
	fwrite(data, 1, len, file);     /* fsx_finish() looks whether it went well */
	return fsx_finish(file, path, temporary, err);
}

static bool make_one(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0) {
		return fsx_sync_folder_of(path, err);
	}
	if (errno != EEXIST) {
		return err_set_errno(err, ERR_CANTCREAT, _("cannot make the folder %s"), path);
	}
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		return err_set(err, ERR_CANTCREAT, _("%s is in the way: it is not a folder"), path);
	}
	return true;
}

bool fsx_mkdir(const char *path, mode_t mode, struct err *err)
{
	char *part = xstrdup(path);
	bool done = true;

	for (char *slash = strchr(part + (*part == '/'), '/'); slash && done; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		done = make_one(part, mode, err);
		*slash = '/';
	}
	free(part);
	return done && make_one(path, mode, err);
}

/* Only root or the file's owner can have put it where it is. */
static bool is_in_safe_folder(const char *path, uid_t owner)
{
	char *copy = xstrdup(path);
	struct stat st;
	bool fine = stat(dirname(copy), &st) == 0 && (st.st_uid == 0 || st.st_uid == owner) && (st.st_mode & 022) == 0;

	free(copy);
	return fine;
}

static bool is_ours(const char *path, const struct stat *st, struct err *err)
{
	if (st->st_uid == geteuid()) {
		return true;
	}
	if (geteuid() ==
	    0) { /* reads the key of a program that runs as another user; to own it would take it away from that */
		return is_in_safe_folder(path, st->st_uid) ||
		       err_set(err, ERR_NOPERM,
			       _("%s belongs to another user (%u), and others can write to its folder: run this as "
				 "that user"),
			       path, st->st_uid);
	}
	return err_set(err, ERR_NOPERM,
		       _("%s belongs to another user (%u); it must belong to %u: run this as that user, or use chown"),
		       path, st->st_uid, geteuid());
}

bool fsx_is_secret(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		return err_set_errno(err, ERR_NOINPUT, _("cannot open %s"), path);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, ERR_NOPERM, _("%s must be an ordinary file"), path);
	}
	if (!is_ours(path, &st, err)) {
		return false;
	}
	if (st.st_mode & 077) {
		return err_set(err, ERR_NOPERM, _("others can read %s (mode %03o): use chmod 600 %s"), path,
			       st.st_mode & 0777, path);
	}
	return true;
}

int fsx_tmpfile(const char *dir, struct err *err)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) { /* a file system without O_TMPFILE */
		char *path = xasprintf("%s/.tram.XXXXXX", dir);

		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0) {
			unlink(path);
		}
		free(path);
	}
	if (fd < 0) {
		err_set_errno(err, ERR_CANTCREAT, _("cannot make a temporary file in %s"), dir);
	}
	return fd;
}

int64_t fsx_free_bytes(const char *dir)
{
	struct statvfs st;
	int64_t bytes;

	if (statvfs(dir, &st) < 0 || __builtin_mul_overflow(st.f_bavail, st.f_frsize, &bytes)) {
		return -1;
	}
	return bytes;
}

char *fsx_join(const char *dir, const char *name)
{
	size_t len = strlen(dir);

	return xasprintf("%s%s%s", dir, len > 0 && dir[len - 1] == '/' ? "" : "/", name);
}
