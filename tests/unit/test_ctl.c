/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char dir[] = "/tmp/tram-ctl-XXXXXX";
static char path[64];

/* What the handler has seen. */
static struct {
	size_t messages, bytes, closed;
	struct ctl_client *last;
	char text[64];
} seen;

/* "close", "flood" and "big" do as they say, anything else comes back. */
static void on_message(void *context, struct ctl_client *client, const uint8_t *data, size_t len)
{
	static uint8_t big[CTL_MESSAGE_MAX];

	assert_ptr_equal(context, &seen);
	seen.messages++;
	seen.bytes += len;
	seen.last = client;
	snprintf(seen.text, sizeof seen.text, "%.*s", (int)(len < 60 ? len : 60), (const char *)data);
	if (strcmp(seen.text, "close") == 0) {
		ctl_send(client, "bye", 3);
		ctl_close(client);
		ctl_send(client, "too late", 8);
	} else if (strcmp(seen.text, "flood") == 0) {
		for (int i = 0; i < 9; i++) {
			ctl_send(client, big, 1 << 20);
		}
	} else if (strcmp(seen.text, "big") == 0) {
		ctl_send(client, big, sizeof big);
	} else {
		ctl_send(client, data, len);
	}
}

static void on_closed(void *context, struct ctl_client *client)
{
	(void)context;
	seen.closed++;
	if (ctl_user(client)) {
		*(int *)ctl_user(client) += 1;
	}
}

static const struct ctl_handler handler = {on_message, on_closed};
static struct ctl_server *server;

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir)) {
		return -1;
	}
	snprintf(path, sizeof path, "%s/s", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir); /* fails if a socket was left */
}

static int open_server(void **state)
{
	struct err err = {0};

	(void)state;
	memset(&seen, 0, sizeof seen);
	server = ctl_server_open(path, &handler, &seen, &err);
	return server ? 0 : -1;
}

static int close_server(void **state)
{
	(void)state;
	ctl_server_close(&server);
	ctl_server_close(&server);
	return 0;
}

static void turn(int times)
{
	for (int i = 0; i < times; i++) {
		struct pollfd fds[CTL_FDS_MAX];
		size_t n = ctl_server_prepare(server, fds, CTL_FDS_MAX);

		poll(fds, n, 0);
		ctl_server_serve(server, fds, n);
	}
}

static int knock(void)
{
	struct err err = {0};
	int fd = ctl_connect(path, &err);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static int connect_raw(void)
{
	int fd = knock();

	turn(1);
	return fd;
}

/* A frame cut into pieces of the given size, a turn after each. */
static void send_cut(int fd, const char *text, size_t piece)
{
	uint8_t frame[200] = {0, 0, 0, (uint8_t)strlen(text)};
	size_t len = 4 + strlen(text);

	memcpy(frame + 4, text, strlen(text));
	for (size_t i = 0; i < len; i += piece) {
		size_t n = len - i < piece ? len - i : piece;

		assert_int_equal(write(fd, frame + i, n), n);
		turn(1);
	}
}

/* The text of the next answer, "" when none has come, "EOF" when the connection is closed. */
static const char *answer(int fd)
{
	static char text[200];
	uint8_t head[4];
	ssize_t n = recv(fd, head, 4, 0);

	if (n <= 0) {
		return n == 0 || errno == ECONNRESET ? "EOF" : "";
	}
	assert_int_equal(n, 4);
	assert_in_range(head[3], 0, sizeof text - 1);
	n = head[3] ? recv(fd, text, head[3], 0) : 0;
	assert_int_equal(n, head[3]);
	text[n] = 0;
	return text;
}

static bool is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void frames_however_they_are_cut(void **state)
{
	int fd = connect_raw();

	(void)state;
	turn(1);
	for (size_t piece = 1; piece < 12; piece++) {
		send_cut(fd, "xin chào", piece);
		turn(1);
		assert_string_equal(answer(fd), "xin chào");
	}
	send_cut(fd, "", 4);
	turn(1);
	assert_int_equal(seen.messages, 12);
	close(fd);
	turn(2);
	assert_int_equal(seen.closed, 1);
}

static void many_frames_at_once(void **state)
{
	int fd = connect_raw();
	char batch[100 * 6];

	(void)state;
	for (int i = 0; i < 100; i++) {
		memcpy(batch + 6 * i, "\0\0\0\2hi", 6);
	}
	assert_int_equal(write(fd, batch, sizeof batch), sizeof batch);
	turn(3);
	assert_int_equal(seen.messages, 100);
	for (int i = 0; i < 100; i++) {
		assert_string_equal(answer(fd), "hi");
	}
	close(fd);
}

static void giant_lengths_end_the_connection(void **state)
{
	static const char *const heads[] = {"\xFF\xFF\xFF\xFF", "\x80\0\0\0", "\0\x40\0\1"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int fd = connect_raw();

		assert_int_equal(write(fd, heads[i], 4), 4);
		turn(3);
		assert_true(is_closed(fd));
		close(fd);
		assert_int_equal(ctl_server_counts(server)->too_big, i + 1);
	}
	assert_int_equal(seen.messages, 0);
	assert_int_equal(seen.closed, 3);
}

static void the_greatest_frame_passes(void **state)
{
	size_t len = 4 + CTL_MESSAGE_MAX, sent = 0, got = 0;
	uint8_t *frame = calloc(1, len), *back = malloc(len);
	int fd = connect_raw();

	(void)state;
	frame[1] = 0x40;
	frame[len - 1] = 'z';
	for (int i = 0; i < 100000 && got < len; i++) {
		ssize_t n = sent < len ? send(fd, frame + sent, len - sent, MSG_NOSIGNAL) : 0;

		sent += n > 0 ? (size_t)n : 0;
		turn(1);
		n = recv(fd, back + got, len - got, 0);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(got, len);
	assert_memory_equal(frame, back, len);
	assert_int_equal(seen.messages, 1);
	free(frame);
	free(back);
	close(fd);
}

static void half_a_frame_has_its_time(void **state)
{
	int fd = connect_raw(), idle = connect_raw();

	(void)state;
	clock_set(-1, 1000 * CLOCK_SECOND);
	turn(1);
	assert_int_equal(write(fd, "\0\0\0\5ha", 6), 6);
	turn(2);
	clock_set(-1, 1029 * CLOCK_SECOND);
	turn(2);
	assert_false(is_closed(fd));
	clock_set(-1, 1030 * CLOCK_SECOND);
	turn(2);
	assert_true(is_closed(fd));
	assert_int_equal(ctl_server_counts(server)->too_slow, 1);
	clock_set(-1, 90000 * CLOCK_SECOND); /* who says nothing may stay: a tail of a quiet centre */
	turn(2);
	assert_false(is_closed(idle));
	clock_set(-1, -1);
	close(fd);
	close(idle);
}

static void each_frame_has_its_own_time(void **state)
{
	int fd = connect_raw();

	(void)state;
	turn(1);
	for (int i = 0; i < 10; i++) { /* always half a frame waiting, never for long */
		clock_set(-1, (1000 + 20 * i) * CLOCK_SECOND);
		assert_int_equal(write(fd, i ? "llo\0\0\0\5he" : "\0\0\0\5he", i ? 9 : 6), i ? 9 : 6);
		turn(2);
	}
	assert_false(is_closed(fd));
	assert_int_equal(seen.messages, 9);
	clock_set(-1, -1);
	close(fd);
}

/* A client that asks and asks and never reads is heard no more after a while. */
static void who_does_not_read_is_not_heard(void **state)
{
	static char batch[1 << 16];
	int fd = connect_raw();

	(void)state;
	for (size_t i = 0; i + 1028 <= sizeof batch; i += 1028) {
		memcpy(batch + i, "\0\0\4\0", 4);
	}
	for (int i = 0; i < 2000; i++) {
		ssize_t n = send(fd, batch, 63 * 1028, MSG_NOSIGNAL);

		if (n > 0 && n < 63 * 1028) { /* the socket is full: never mind whole frames any more */
			break;
		}
		turn(1);
	}
	assert_in_range(seen.bytes, 1, 2 << 20);
	assert_int_equal(ctl_server_counts(server)->not_reading, 0);
	assert_false(is_closed(fd));
	close(fd);
	turn(2);
	assert_int_equal(seen.closed, 1);
}

/* What waited comes when the client reads at last, whole and in order. */
static void frames_wait_for_the_reader(void **state)
{
	static char batch[2000 * 1028], back[sizeof batch];
	size_t sent = 0, got = 0;
	int fd = connect_raw();

	(void)state;
	for (size_t i = 0; i < sizeof batch; i += 1028) {
		memcpy(batch + i, "\0\0\4\0", 4);
		memset(batch + i + 4, (int)(i / 1028 % 251), 1024);
	}
	for (int i = 0; i < 200; i++) {
		ssize_t n = sent < sizeof batch ? send(fd, batch + sent, sizeof batch - sent, MSG_NOSIGNAL) : 0;

		sent += n > 0 ? (size_t)n : 0;
		turn(1);
	}
	assert_in_range(seen.messages, 10, 1999); /* it was made to wait */
	for (int i = 0; i < 50000 && got < sizeof batch; i++) {
		ssize_t n = recv(fd, back + got, sizeof batch - got, 0);

		got += n > 0 ? (size_t)n : 0;
		n = sent < sizeof batch ? send(fd, batch + sent, sizeof batch - sent, MSG_NOSIGNAL) : 0;
		sent += n > 0 ? (size_t)n : 0;
		turn(1);
	}
	assert_int_equal(got, sizeof batch);
	assert_memory_equal(back, batch, sizeof batch);
	assert_int_equal(seen.messages, 2000);
	close(fd);
}

/* A frame that came along with the one whose answer is not read yet: nothing more will arrive to wake the server. */
static void a_frame_behind_a_long_answer(void **state)
{
	static char back[CTL_MESSAGE_MAX + 4 + 9];
	size_t got = 0;
	int fd = connect_raw();

	(void)state;
	assert_int_equal(write(fd, "\0\0\0\3big\0\0\0\5after", 16), 16);
	turn(3);
	assert_int_equal(seen.messages, 1);
	for (int i = 0; i < 50000 && got < sizeof back; i++) {
		ssize_t n = recv(fd, back + got, sizeof back - got, 0);

		got += n > 0 ? (size_t)n : 0;
		turn(1);
	}
	assert_int_equal(got, sizeof back);
	assert_memory_equal(back + sizeof back - 5, "after", 5);
	close(fd);
}

static void a_flood_unread_ends_the_connection(void **state)
{
	int fd = connect_raw();

	(void)state;
	send_cut(fd, "flood", 100);
	turn(3);
	assert_int_equal(ctl_server_counts(server)->not_reading, 1);
	assert_int_equal(seen.closed, 1);
	close(fd);
}

static void pending_says_when_to_stop(void **state)
{
	int fd = connect_raw();

	(void)state;
	send_cut(fd, "big", 100);
	assert_in_range(ctl_pending(seen.last), CTL_MESSAGE_MAX / 2, CTL_MESSAGE_MAX + 4);
	turn(2);
	assert_int_equal(seen.closed, 0);
	assert_int_equal(ctl_server_counts(server)->not_reading, 0);
	close(fd);
}

static void last_words_are_sent(void **state)
{
	int fd = connect_raw();

	(void)state;
	send_cut(fd, "close", 100);
	turn(3);
	assert_string_equal(answer(fd), "bye");
	assert_string_equal(answer(fd), "EOF");
	assert_int_equal(seen.closed, 1);
	close(fd);
}

static void last_words_have_their_time(void **state)
{
	int fd = connect_raw();

	(void)state;
	clock_set(-1, 1000 * CLOCK_SECOND);
	send_cut(fd, "big", 100);
	ctl_close(seen.last);
	turn(2);
	assert_int_equal(seen.closed, 0);
	clock_set(-1, 1010 * CLOCK_SECOND);
	turn(2);
	assert_int_equal(seen.closed, 1);
	clock_set(-1, -1);
	close(fd);
}

static void one_too_many_is_turned_away(void **state)
{
	int fds[CTL_CLIENTS_MAX + 1];

	(void)state;
	for (int i = 0; i <= CTL_CLIENTS_MAX; i++) {
		fds[i] = connect_raw();
		turn(1);
	}
	assert_true(is_closed(fds[CTL_CLIENTS_MAX]));
	assert_int_equal(ctl_server_counts(server)->turned_away, 1);
	assert_int_equal(ctl_server_counts(server)->accepted, CTL_CLIENTS_MAX);
	send_cut(fds[0], "still here", 100);
	turn(1);
	assert_string_equal(answer(fds[0]), "still here");
	close(fds[1]);
	turn(2);
	fds[1] = connect_raw(); /* the room is free again */
	turn(1);
	send_cut(fds[1], "now", 100);
	turn(1);
	assert_string_equal(answer(fds[1]), "now");
	for (int i = 0; i <= CTL_CLIENTS_MAX; i++) {
		close(fds[i]);
	}
}

static void without_descriptors_the_door_rests(void **state)
{
	struct rlimit limit, none;
	struct pollfd fds[CTL_FDS_MAX];
	int fd = knock();

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	clock_set(-1, 1000 * CLOCK_SECOND);
	turn(1);
	assert_int_equal(ctl_server_prepare(server, fds, CTL_FDS_MAX), 0); /* else the loop would spin */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	clock_set(-1, 1001 * CLOCK_SECOND);
	turn(1);
	clock_set(-1, -1);
	send_cut(fd, "here", 100);
	turn(1);
	assert_string_equal(answer(fd), "here");
	close(fd);
}

static void user_data_lives_with_the_client(void **state)
{
	int gone = 0, fd = connect_raw();
	uid_t uid = 12345;

	(void)state;
	send_cut(fd, "x", 100);
	assert_null(ctl_user(seen.last));
	ctl_set_user(seen.last, &gone);
	assert_ptr_equal(ctl_user(seen.last), &gone);
	assert_true(ctl_peer(seen.last, &uid));
	assert_int_equal(uid, getuid());
	close(fd);
	turn(2);
	assert_int_equal(gone, 1);
}

static void the_socket_is_private_and_goes_away(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	ctl_server_close(&server);
	assert_int_equal(stat(path, &st), -1);
}

static void a_living_socket_is_not_replaced(void **state)
{
	struct err err = {0};

	(void)state;
	assert_null(ctl_server_open(path, &handler, &seen, &err));
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.text, path));
}

static void a_dead_socket_is_replaced(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct err err = {0};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	ctl_server_close(&server);
	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
	server = ctl_server_open(path, &handler, &seen, &err);
	assert_non_null(server);
}

static void what_is_no_socket_stays(void **state)
{
	struct err err = {0};
	char longer[200];
	int fd;

	(void)state;
	ctl_server_close(&server);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	close(fd);
	assert_null(ctl_server_open(path, &handler, &seen, &err));
	assert_int_equal(err.kind, ERR_CANTCREAT);
	assert_int_equal(unlink(path), 0); /* it was still there */
	assert_null(ctl_server_open(dir, &handler, &seen, &err));
	assert_int_equal(err.kind, ERR_CANTCREAT);
	assert_null(ctl_server_open("/nowhere/at/all", &handler, &seen, &err));
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	assert_null(ctl_server_open(longer, &handler, &seen, &err));
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_int_equal(ctl_connect(longer, &err), -1);
}

/* A server of two calls, for the blocking half. */
struct puppet {
	int listener;
	const char *bytes;
	size_t len;
	bool holds; /* says no more, and does not close before the other side does */
};

static void *play(void *argument)
{
	struct puppet *p = argument;
	char asked[4 + 3]; /* "ask", after its length */
	int fd = accept(p->listener, NULL, NULL);

	assert_int_equal(recv(fd, asked, sizeof asked, MSG_WAITALL), sizeof asked);
	assert_int_equal(send(fd, p->bytes, p->len, MSG_NOSIGNAL), (ssize_t)p->len);
	while (p->holds && recv(fd, asked, sizeof asked, 0) > 0)
		;
	close(fd);
	return NULL;
}

/* What a service may answer, and what the reader makes of it. */
static const struct {
	const char *bytes;
	size_t len;
	enum err_kind kind;
	const char *text;
} answers[] = {
    {"\0\0\0\2hi", 6, ERR_NONE, "hi"},  {"\0\0\0\0", 4, ERR_NONE, ""},  {"\0\0\0\5hi", 6, ERR_UNAVAILABLE, NULL},
    {"\0\0", 2, ERR_UNAVAILABLE, NULL}, {"", 0, ERR_UNAVAILABLE, NULL}, {"\xFF\0\0\0", 4, ERR_PROTOCOL, NULL},
};

static void ask_puppet(struct puppet *p, int64_t timeout_ms, uint8_t **ret_data, size_t *ret_len, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	pthread_t thread;
	int fd;

	strcpy(address.sun_path, path);
	p->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(p->listener, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, play, p), 0);
	fd = ctl_connect(path, err);
	assert_true(fd >= 0);
	assert_true(ctl_write(fd, "ask", 3, err));
	*ret_data = ctl_read(fd, timeout_ms, ret_len, err);
	close(fd);
	pthread_join(thread, NULL);
	close(p->listener);
	unlink(path);
}

static void answers_of_a_service(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct puppet p = {.bytes = answers[i].bytes, .len = answers[i].len};
		struct err err = {0};
		uint8_t *data;
		size_t len = 99;

		ask_puppet(&p, 5000, &data, &len, &err);
		assert_int_equal(err.kind, answers[i].kind);
		if (answers[i].text) {
			assert_non_null(data);
			assert_int_equal(len, strlen(answers[i].text));
			assert_memory_equal(data, answers[i].text, len);
		} else {
			assert_null(data);
		}
		free(data);
	}
}

static void patience_ends(void **state)
{
	struct puppet p = {.bytes = "\0\0\0\2h", .len = 5, .holds = true};
	struct err err = {0};
	uint8_t *data;
	size_t len;

	(void)state;
	ask_puppet(&p, 30, &data, &len, &err);
	assert_null(data);
	assert_int_equal(err.kind, ERR_TEMPFAIL);
}

static void nobody_there(void **state)
{
	struct err err = {0};
	char *big = calloc(1, CTL_MESSAGE_MAX + 1);

	(void)state;
	assert_int_equal(ctl_connect(path, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.text, path));
	assert_false(ctl_write(-1, big, CTL_MESSAGE_MAX + 1, &err));
	assert_int_equal(err.kind, ERR_DATA);
	assert_false(ctl_write(-1, big, 1, &err));
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	free(big);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, open_server, close_server)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_SERVER(frames_however_they_are_cut),
	    WITH_SERVER(many_frames_at_once),
	    WITH_SERVER(giant_lengths_end_the_connection),
	    WITH_SERVER(the_greatest_frame_passes),
	    WITH_SERVER(half_a_frame_has_its_time),
	    WITH_SERVER(each_frame_has_its_own_time),
	    WITH_SERVER(who_does_not_read_is_not_heard),
	    WITH_SERVER(frames_wait_for_the_reader),
	    WITH_SERVER(a_frame_behind_a_long_answer),
	    WITH_SERVER(a_flood_unread_ends_the_connection),
	    WITH_SERVER(pending_says_when_to_stop),
	    WITH_SERVER(last_words_are_sent),
	    WITH_SERVER(last_words_have_their_time),
	    WITH_SERVER(one_too_many_is_turned_away),
	    WITH_SERVER(without_descriptors_the_door_rests),
	    WITH_SERVER(user_data_lives_with_the_client),
	    WITH_SERVER(the_socket_is_private_and_goes_away),
	    WITH_SERVER(a_living_socket_is_not_replaced),
	    WITH_SERVER(a_dead_socket_is_replaced),
	    WITH_SERVER(what_is_no_socket_stays),
	    cmocka_unit_test(answers_of_a_service),
	    cmocka_unit_test(patience_ends),
	    cmocka_unit_test(nobody_there),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
