/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status - what the agent says of itself, field by field. One thread.
 */
#ifndef TRAM_STATUS_H
#define TRAM_STATUS_H

#include "control.pb-c.h"
#include "err.h"

/* Asks the agent; caller frees with tram__control__v1__status__free_unpacked(). NULL and *err on failure. */
Tram__Control__V1__Status *status_fetch(const char *socket, struct err *err) MUST_CHECK;

/* The value of a field, or "" when the agent does not say it. */
const char *status_value(const Tram__Control__V1__Status *status, const char *name);

/* The same of a text for people, in the language of who asks where the agent says it in English (gettext's own). */
const char *status_words(const Tram__Control__V1__Status *status, const char *name);

/* The centre's own words about its last refusal, in the language of who asks; or "". */
const char *status_centre_says(const Tram__Control__V1__Status *status);

/* The control socket that a centre's settings file names; caller frees. NULL and *err on failure. */
char *status_centre_socket(const char *settings_file, struct err *err) MUST_CHECK;

#endif
