/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "daemon.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char path[] = "/tmp/tram-daemon-XXXXXX";
static int notified = -1;

/* Plays systemd: a datagram socket that the service is told of. */
static int listen_for_notes(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)state;
	if (!mkdtemp(path)) {
		return -1;
	}
	snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", path);
	notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (bind(notified, (struct sockaddr *)&address, sizeof address) < 0) {
		return -1;
	}
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	return 0;
}

static int stop_listening(void **state)
{
	(void)state;
	close(notified);
	unlink(getenv("NOTIFY_SOCKET"));
	return rmdir(path);
}

static const char *note(void)
{
	static char text[500];
	ssize_t n = recv(notified, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return text;
}

static void systemd_is_told(void **state)
{
	(void)state;
	daemon_ready(NULL);
	assert_string_equal(note(), "READY=1");
	daemon_ready("63 agents");
	assert_string_equal(note(), "READY=1\nSTATUS=63 agents");
	daemon_status("%d of %d\nlive", 62, 63);
	assert_string_equal(note(), "STATUS=62 of 63 live");
	daemon_reloading();
	assert_int_equal(strncmp(note(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	daemon_stopping();
	assert_string_equal(note(), "STOPPING=1");
	assert_string_equal(note(), "");
}

static void the_watchdog_is_fed_in_time(void **state)
{
	char pid[20];
	int64_t begun_us = clock_monotonic_us(), spent_us;
	int notes = 0;

	(void)state;
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "80000", 1);
	for (int i = 0; i < 100; i++) {
		daemon_alive();
		while (
		    *note()) { /* at once: on a slow machine there are more than the socket holds, and the next one waits */
			notes++;
		}
		usleep(1000);
	}
	spent_us = clock_monotonic_us() - begun_us;
	assert_in_range(notes, 2, spent_us / 20000 + 1); /* a quarter of the interval apart */
}

static void signals_wait_on_the_descriptor(void **state)
{
	struct err err = {0};
	int fd = daemon_signals(&err), pipes[2];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(daemon_next_signal(fd), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	kill(getpid(), SIGHUP);
	kill(getpid(), SIGTERM);
	assert_int_equal(poll(&p, 1, 1000), 1);
	assert_int_equal(daemon_next_signal(fd), SIGHUP);
	assert_int_equal(daemon_next_signal(fd), SIGTERM);
	assert_int_equal(daemon_next_signal(fd), 0);
	assert_int_equal(pipe(pipes), 0);
	close(pipes[0]);
	assert_int_equal(write(pipes[1], "x", 1), -1); /* and no SIGPIPE ends the test */
	close(pipes[1]);
	close(fd);
}

static void root_is_refused(void **state)
{
	struct err err = {0};

	(void)state;
	unsetenv("TRAM_ALLOW_ROOT");
	if (geteuid() == 0) {
		assert_false(daemon_refuse_root(&err));
		assert_int_equal(err.kind, ERR_NOPERM);
		setenv("TRAM_ALLOW_ROOT", "no", 1);
		assert_false(daemon_refuse_root(&err));
		setenv("TRAM_ALLOW_ROOT", "yes", 1);
		assert_true(daemon_refuse_root(&err));
		if (fork() == 0) {
			unsetenv("TRAM_ALLOW_ROOT");
			_exit(setuid(65534) == 0 && daemon_refuse_root(&err) ? 0 : 1);
		} else {
			int status = 1;

			wait(&status);
			assert_int_equal(status, 0);
		}
	} else {
		assert_true(daemon_refuse_root(&err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(systemd_is_told),
	    cmocka_unit_test(the_watchdog_is_fed_in_time),
	    cmocka_unit_test(signals_wait_on_the_descriptor),
	    cmocka_unit_test(root_is_refused),
	};

	return cmocka_run_group_tests(tests, listen_for_notes, stop_listening);
}
