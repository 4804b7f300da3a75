/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsx - files that are either wholly there or not at all, and secrets that only their owner reads.
 */
#ifndef TRAM_FSX_H
#define TRAM_FSX_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* The whole file with a NUL behind it; caller frees. Refuses more than max bytes. NULL and *err on failure. */
char *fsx_read(const char *path, size_t max, size_t *ret_len, struct err *err) MUST_CHECK;

/* Writes to a temporary file beside it, fsyncs, renames over path, fsyncs the folder. */
bool fsx_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err) MUST_CHECK;

/*
 * The same for what is written bit by bit: begin, write to the file, then finish or abandon, which both close it and free
 * *temporary. NULL and *err when it cannot be made.
 */
FILE *fsx_begin(const char *path, mode_t mode, char **ret_temporary, struct err *err) MUST_CHECK;
bool fsx_finish(FILE *file, const char *path, char *temporary, struct err *err) MUST_CHECK;
void fsx_abandon(FILE *file, char *temporary);

/* Makes the folder (and its parents) with the mode, to last; fine if it is there. */
bool fsx_mkdir(const char *path, mode_t mode, struct err *err) MUST_CHECK;

/* So that the name of a file that was made, renamed or linked outlasts a loss of power: fsyncs the folder it is in. */
bool fsx_sync_folder_of(const char *path, struct err *err) MUST_CHECK;

/*
 * False and *err when others than the owner can read the file, or it is not ours. Root may read another user's that lies where
 * only root or that user can have put it: the key of a program that runs as that user.
 */
bool fsx_is_secret(const char *path, struct err *err) MUST_CHECK;

/* A nameless file in dir, gone when closed; -1 and *err on failure. */
int fsx_tmpfile(const char *dir, struct err *err) MUST_CHECK;

/* Free bytes on the file system that holds dir; -1 when unknown. */
int64_t fsx_free_bytes(const char *dir);

/* "dir/name"; caller frees. Never NULL. */
char *fsx_join(const char *dir, const char *name);

#endif
