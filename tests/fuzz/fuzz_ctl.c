/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl.h"
#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char path[64];
static struct ctl_server *server;
static size_t messages, closed;
static uint64_t sum; /* of what the messages hold, in order */

static uint64_t add_to_sum(uint64_t s, const uint8_t *data, size_t len)
{
	s = s * 31 + len;
	for (size_t i = 0; i < len; i++) {
		s = s * 31 + data[i];
	}
	return s;
}

static void on_message(void *context, struct ctl_client *client, const uint8_t *data, size_t len)
{
	(void)context;
	messages++;
	sum = add_to_sum(sum, data, len);
	ctl_send(client, data, len);
}

static void on_closed(void *context, struct ctl_client *client)
{
	(void)context, (void)client;
	closed++;
}

static void shut(void)
{
	ctl_server_close(&server);
}

static void start(void)
{
	static const struct ctl_handler handler = {on_message, on_closed};
	struct err err;

	snprintf(path, sizeof path, "/tmp/tram-fuzz-ctl-%d", (int)getpid());
	server = ctl_server_open(path, &handler, NULL, &err);
	MUST(server);
	atexit(shut);
}

static void turn(int fd)
{
	struct pollfd fds[CTL_FDS_MAX];
	size_t n = ctl_server_prepare(server, fds, CTL_FDS_MAX);
	char heard[4096];

	poll(fds, n, 0);
	ctl_server_serve(server, fds, n);
	while (recv(fd, heard, sizeof heard, MSG_DONTWAIT) > 0) {
	}
}

/* What the frames in data are, found in the simplest way. */
static size_t count_frames(const uint8_t *data, size_t size, uint64_t *ret_sum)
{
	size_t n = 0;

	*ret_sum = 0;
	while (size >= 4) {
		size_t len = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];

		if (len > CTL_MESSAGE_MAX || size - 4 < len) {
			break;
		}
		*ret_sum = add_to_sum(*ret_sum, data + 4, len);
		data += 4 + len;
		size -= 4 + len;
		n++;
	}
	return n;
}

/* The first byte says in what pieces the others are sent. */
static void through_the_server(const uint8_t *data, size_t size)
{
	size_t piece = (size_t)data[0] % 97 + 1, expected;
	uint64_t expected_sum;
	struct err err;
	int fd = ctl_connect(path, &err);

	MUST(fd >= 0);
	data++, size--;
	expected = count_frames(data, size, &expected_sum);
	messages = closed = sum = 0;
	turn(fd);
	for (size_t i = 0; i < size && !closed; i += piece) {
		size_t n = size - i < piece ? size - i : piece;

		MUST(send(fd, data + i, n, MSG_NOSIGNAL) == (ssize_t)n);
		turn(fd);
	}
	close(fd);
	for (int i = 0; i < 10 && !closed; i++) {
		turn(-1);
	}
	MUST(messages == expected && sum == expected_sum && closed == 1);
}

/* A service may answer anything. */
static void through_the_client(const uint8_t *data, size_t size)
{
	uint64_t expected_sum, got_sum = 0;
	size_t expected = count_frames(data, size, &expected_sum), got = 0, len;
	struct err err = {0};
	uint8_t *message;
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	MUST(send(pair[0], data, size, 0) == (ssize_t)size);
	close(pair[0]);
	while ((message = ctl_read(pair[1], 1000, &len, &err))) {
		got_sum = add_to_sum(got_sum, message, len);
		got++;
		free(message);
	}
	close(pair[1]);
	MUST(got == expected && got_sum == expected_sum);
	MUST(err.kind == ERR_UNAVAILABLE || err.kind == ERR_PROTOCOL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!server) {
		start();
	}
	if (size > 0 && size < 32768) {
		through_the_server(data, size);
		through_the_client(data, size);
	}
	return 0;
}
