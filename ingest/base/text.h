/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - what may stand in a text, and bytes as hexadecimal.
 */
#ifndef TRAM_TEXT_H
#define TRAM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum text_fault {
	TEXT_FINE = 0,
	TEXT_NOT_UTF8,
	TEXT_NUL,       /* a byte 0 inside */
	TEXT_CONTROL,   /* C0 or C1 control other than tab and newline */
	TEXT_INVISIBLE, /* U+00A0, zero-width, soft hyphen, bidirectional marks, BOM */
	TEXT_NOT_NFC,
};

/* The first fault in len bytes and where it is (byte offset). The gravest kind wins over an earlier, lighter one. */
enum text_fault text_check(const char *s, size_t len, size_t *ret_at);

/* Whether a fault can be mended without guessing (NFC; U+00A0 to a space; zero-width away). */
bool text_is_mendable(enum text_fault fault);

/* s as NFC, with U+00A0 and its kin as a space and zero-width characters away; caller frees; NULL if
 * it is not UTF-8 or has a byte 0 inside. */
char *text_mend(const char *s, size_t len);

/* 2*len lower-case digits and a NUL into out. Returns out. */
char *text_hex(const void *data, size_t len, char *out);

/* Exactly len bytes from 2*len digits; false if s is not that. */
bool text_unhex(const char *s, void *ret_data, size_t len);

/* Bytes of the character that s begins with, 1 to 4; 0 when there is no whole, valid one within len. */
size_t text_character(const char *s, size_t len);

/* Columns that s takes on a terminal (wide characters 2, combining 0). */
size_t text_columns(const char *s);

/* In at most so many columns, what does not fit ending in "…"; caller frees. Never NULL. */
char *text_fit(const char *text, size_t columns);

/* How many letters to change, add or leave out to come from a to b, for "did you mean". Looks at the first
 * TEXT_DISTANCE_MAX bytes of each. */
#define TEXT_DISTANCE_MAX 64
size_t text_distance(const char *a, const char *b);

/* In capitals, in any script, cut where there is no room. UTF-8. Returns buf. */
char *text_capitals(const char *text, char *buf, size_t size);

#endif
