/* SPDX-License-Identifier: Apache-2.0 */
#include "handoff.h"

#include <poll.h>
#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static bool readable(const struct handoff *h)
{
	struct pollfd p = {.fd = handoff_fd(h), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void first_in_first_out_and_full(void **state)
{
	struct handoff *h = handoff_new(3);
	int items[5];

	(void)state;
	for (int round = 0; round < 4; round++) { /* round the ring */
		assert_null(handoff_try_take(h));
		assert_false(readable(h));
		for (int i = 0; i < 3; i++) {
			assert_true(handoff_try_put(h, &items[i]));
			assert_true(readable(h));
		}
		assert_false(handoff_try_put(h, &items[3]));
		assert_int_equal(handoff_count(h), 3);
		assert_ptr_equal(handoff_try_take(h), &items[0]);
		assert_true(handoff_try_put(h, &items[4]));
		assert_ptr_equal(handoff_try_take(h), &items[1]);
		assert_ptr_equal(handoff_take(h, 0), &items[2]);
		assert_true(readable(h));
		assert_ptr_equal(handoff_take(h, -1), &items[4]);
		assert_false(readable(h));
	}
	handoff_free(&h);
	assert_null(h);
	handoff_free(&h);
}

static void waiting_ends(void **state)
{
	struct handoff *h = handoff_new(1);

	(void)state;
	assert_null(handoff_take(h, 0));
	assert_null(handoff_take(h, 20));
	handoff_free(&h);
}

#define ITEMS 20000

struct pipe_line {
	struct handoff *there, *back;
};

/* Adds one to each number and hands it back; NULL-terminated by the value -1. */
static void *worker(void *argument)
{
	struct pipe_line *line = argument;

	for (;;) {
		int *item = handoff_take(line->there, -1);
		bool last = *item < 0;

		*item += last ? 0 : 1;
		handoff_put(line->back, item);
		if (last) {
			return NULL;
		}
	}
}

/* Whoever holds the pointer owns it: the sanitizer sees any touch from both sides. */
static void numbers_go_round(void **state)
{
	struct pipe_line line = {handoff_new(7), handoff_new(5)};
	int *numbers = calloc(ITEMS + 1, sizeof *numbers), sent = 0, got = 0;
	pthread_t thread;

	(void)state;
	numbers[ITEMS] = -1;
	assert_int_equal(pthread_create(&thread, NULL, worker, &line), 0);
	while (got < ITEMS + 1) {
		struct pollfd p = {.fd = handoff_fd(line.back), .events = POLLIN};
		int *item;

		while (sent < ITEMS + 1 && handoff_try_put(line.there, &numbers[sent])) {
			sent++;
		}
		assert_int_equal(poll(&p, 1, 5000), 1);
		while ((item = handoff_try_take(line.back))) {
			assert_ptr_equal(item, &numbers[got]);
			assert_int_equal(*item, got == ITEMS ? -1 : 1);
			got++;
		}
	}
	pthread_join(thread, NULL);
	handoff_free(&line.there);
	handoff_free(&line.back);
	free(numbers);
}

static void *several_put(void *argument)
{
	struct handoff *h = argument;
	static int item;

	for (int i = 0; i < 2000; i++) {
		handoff_put(h, &item);
	}
	return NULL;
}

static void several_may_put(void **state)
{
	struct handoff *h = handoff_new(2);
	pthread_t threads[4];
	int got = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, several_put, h), 0);
	}
	while (got < 4 * 2000) {
		assert_non_null(handoff_take(h, 5000));
		got++;
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_null(handoff_try_take(h));
	handoff_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_in_first_out_and_full),
	    cmocka_unit_test(waiting_ends),
	    cmocka_unit_test(numbers_go_round),
	    cmocka_unit_test(several_may_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
