/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err - what went wrong in the environment, said once, to a person.
 *
 * Three kinds of failure are kept apart: a bug asserts; the environment (a file, a server, a setting) returns false
 * and fills a struct err; a peer's or a province's fault is data (a refusal, a finding). Only the outermost function
 * logs or prints. Texts are in the process's language (lang.h), name the place and the remedy, and are cut at
 * ERR_TEXT_MAX bytes on a character's boundary. Any thread.
 */
#ifndef TRAM_ERR_H
#define TRAM_ERR_H

#include <stdbool.h>

#define ERR_TEXT_MAX 1024

#if defined(__GNUC__)
#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#else
#define MUST_CHECK
#define PRINTF_LIKE(f, a)
#endif

/* The value is the exit status a program ends with: sysexits.h. */
enum err_kind {
	ERR_NONE = 0,
	ERR_USAGE = 64,       /* the command line */
	ERR_DATA = 65,        /* the input's content */
	ERR_NOINPUT = 66,     /* the input cannot be opened */
	ERR_UNAVAILABLE = 69, /* a service is not there */
	ERR_SOFTWARE = 70,
	ERR_OS = 71,
	ERR_CANTCREAT = 73,
	ERR_IO = 74,
	ERR_TEMPFAIL = 75, /* try again later */
	ERR_PROTOCOL = 76,
	ERR_NOPERM = 77,
	ERR_CONFIG = 78,
};

struct err {
	enum err_kind kind;
	char text[ERR_TEXT_MAX];
};

/* Fills *err (NULL is fine) and returns false, so that callers can `return err_set(...)`. */
bool err_set(struct err *err, enum err_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Same, with ": " and strerror(errno) at the end. */
bool err_set_errno(struct err *err, enum err_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts "format: " before the text that is there; the kind stays. Returns false. */
bool err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
