/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - figures for whoever asks over HTTP: GET and HEAD, on an address of this machine unless told otherwise.
 *
 * libmicrohttpd has one thread, which reads requests, answers at once what needs no figures, and hands the rest to a bounded
 * queue. Readers take from it, each a thread with a connection to PostgreSQL as tram_reader: an answer is written whole into
 * bounded memory before the first byte of it is sent, so a slow client holds no connection to PostgreSQL. Nothing here
 * touches lanes, sessions or the road; main tells it how it is (http_tell) and takes what was counted. What is here is called
 * by the main thread.
 */
#ifndef TRAM_HTTP_H
#define TRAM_HTTP_H

#include "counter.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_settings {
	const char *address;  /* 127.0.0.1:24680, [::1]:24680; port 0: any that is free */
	const char *names;    /* that it may be asked by, spaces between, beside addresses and localhost */
	const char *database; /* as tram_reader */
	bool in_vietnamese;   /* problems and names, where a request does not say */
	unsigned readers, connections, waiting;
	int64_t question_us, idle_us; /* longest work on one question; longest silence of a client */
	int64_t rows, answer_bytes, memory_bytes;
};

/* How the aggregator is, as /health and /metrics say it. */
#define HTTP_LANES_MAX 64
struct http_view {
	const char *phase; /* waiting, serving, draining; static */
	bool is_serving;
	unsigned lanes, lanes_up;
	uint64_t lane_waiting[HTTP_LANES_MAX];
	uint64_t agents_active, agents_connected, credit_reserved, credit_total, catalogue_version;
	int64_t started_us;
};

struct http;

/* Copies the settings. NULL and *err when the address cannot be had. */
struct http *http_start(const struct http_settings *settings, struct err *err) MUST_CHECK;

/* Where it listens, with the port that it got. The http's. */
const char *http_address(const struct http *h);

/*
 * Once in a while: how the aggregator is, and what it counted. What HTTP counted is put into *counters (its own are those of
 * the families http_…).
 */
void http_tell(struct http *h, const struct http_view *view, struct counters *counters);

/* Whether figures cannot be read, or can again, when that has changed since it was asked last; why: in *ret_why. */
bool http_trouble(struct http *h, bool *ret_is_fine, char ret_why[static ERR_TEXT_MAX]);

/* Takes no more connections and no more questions. */
void http_drain(struct http *h);

/* Answers what has begun, within a bounded time, and ends. False: a reader did not end and was left behind with everything. */
bool http_stop(struct http **hp);

#endif
