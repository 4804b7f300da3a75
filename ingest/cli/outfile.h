/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outfile - where a command writes what it was asked for: a file that is wholly there or not at all, or stdout, which
 * gets nothing before all of it is there. One thread.
 */
#ifndef TRAM_OUTFILE_H
#define TRAM_OUTFILE_H

#include "err.h"

#include <stdio.h>

struct outfile {
	FILE *file; /* write here */
	const char *path;
	char *temporary;
};

/* path NULL or "-": stdout. False and *err on failure; else it ends with outfile_finish() or outfile_abandon(). */
bool outfile_open(struct outfile *out, const char *path, struct err *err) MUST_CHECK;
bool outfile_finish(struct outfile *out, struct err *err) MUST_CHECK;
void outfile_abandon(struct outfile *out);

#endif
