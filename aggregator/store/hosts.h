/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hosts - in which order the servers of a connection string are asked.
 *
 * libpq asks them in turn until one can be reached; but one that takes the connection and then hangs up, as a middleman
 * before a dead server does, ends the search. So whoever failed begins with the next one when it tries again. Pure.
 */
#ifndef TRAM_HOSTS_H
#define TRAM_HOSTS_H

#include <stddef.h>

/* What stands in place of the lists of a connection string; NULL: as the string has it. */
struct hosts {
	char *host, *hostaddr, *port;
	size_t n; /* servers in the string; 0: it cannot be read */
};

/* The string's servers, beginning with number first, counted from 0 and around. Cleared with hosts_clear(). */
struct hosts hosts_from(const char *conninfo, size_t first);
void hosts_clear(struct hosts *h);

#endif
