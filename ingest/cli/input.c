/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include "lang.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct input {
	char *path;
	int fd; /* -1: bytes in memory */
	const uint8_t *memory;
	size_t memory_left;
	uint8_t chunk[INPUT_CHUNK];
	size_t begin, end; /* what of the chunk is not taken yet */
	bool at_end;
	int failed; /* errno */
	uint64_t taken, size;
};

struct input *input_open(const char *path, struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	struct input *in;

	if (fd < 0 || fstat(fd, &st) != 0) {
		err_set_errno(err, ERR_NOINPUT, _("cannot open %s"), path);
		return NULL;
	}
	if (S_ISDIR(st.st_mode)) {
		close(fd);
		err_set(err, ERR_NOINPUT, _("%s is a folder; give a file"), path);
		return NULL;
	}
	in = xcalloc(1, sizeof *in);
	in->path = xstrdup(path);
	in->fd = fd;
	in->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	return in;
}

struct input *input_of_bytes(const void *data, size_t len)
{
	struct input *in = xcalloc(1, sizeof *in);

	in->path = xstrdup("");
	in->fd = -1;
	in->memory = data;
	in->memory_left = len;
	in->size = len;
	return in;
}

void input_close(struct input **ip)
{
	if (!*ip)
		return;
	if ((*ip)->fd > STDIN_FILENO)
		close((*ip)->fd);
	free((*ip)->path);
	free(*ip);
	*ip = NULL;
}

static size_t read_memory(struct input *in, uint8_t *to, size_t max)
{
	size_t n = max < in->memory_left ? max : in->memory_left;

	if (n) {
		memcpy(to, in->memory, n);
		in->memory += n;
		in->memory_left -= n;
	}
	return n;
}

/* Reads on behind what is in the chunk; the chunk has room. */
static void fill(struct input *in)
{
	size_t room = INPUT_CHUNK - in->end;
	ssize_t n;

	if (in->fd < 0) {
		n = (ssize_t)read_memory(in, in->chunk + in->end, room);
	} else {
		do
			n = read(in->fd, in->chunk + in->end, room);
		while (n < 0 && errno == EINTR);
	}
	if (n < 0)
		in->failed = errno;
	if (n <= 0)
		in->at_end = true;
	else
		in->end += (size_t)n;
}

size_t input_peek(struct input *in, const uint8_t **ret)
{
	if (in->begin == in->end)
		in->begin = in->end = 0;
	while (!in->at_end && in->end < INPUT_CHUNK)
		fill(in);
	*ret = in->chunk + in->begin;
	return in->end - in->begin;
}

size_t input_take(struct input *in, size_t max, const uint8_t **ret)
{
	size_t n;

	if (in->begin == in->end && !in->at_end) {
		in->begin = in->end = 0;
		fill(in);
	}
	n = in->end - in->begin;
	if (n > max)
		n = max;
	*ret = in->chunk + in->begin;
	in->begin += n;
	in->taken += n;
	return n;
}

bool input_failed(const struct input *in, struct err *err)
{
	if (!in->failed)
		return false;
	errno = in->failed;
	err_set_errno(err, ERR_IO, _("cannot read %s"), in->path);
	return true;
}

uint64_t input_taken(const struct input *in)
{
	return in->taken;
}

uint64_t input_size(const struct input *in)
{
	return in->size;
}
