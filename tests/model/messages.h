/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages - every message ever sent in a world, once, by number: a queue is a few numbers, and each is decoded once.
 */
#ifndef TRAM_MODEL_MESSAGES_H
#define TRAM_MODEL_MESSAGES_H

#include "codec.h"

struct message {
	uint8_t *data;
	size_t len;
	const Tram__V1__Envelope *envelope;
	uint64_t session; /* named in it; 0: none */
};

/* The number of these bytes. */
uint16_t message_keep(const void *data, size_t len);
const struct message *message_at(uint16_t number);

/* "PUBLISH 3-4 of session 2". Valid until the next call. */
const char *message_text(uint16_t number);

/* Forgets all of them. */
void messages_clear(void);

#endif
