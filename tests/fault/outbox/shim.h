/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim - SQLite's file system on a disk of disk.h, with somebody who looks at every call before it is done.
 *
 * It promises SQLite what the system's own one does (sectors of 4096 bytes, that a write leaves the bytes beside it
 * alone), and syncs the folder where that does: with a new log's or journal's first sync, and when told to after an
 * unlink. There is no shared memory, as with one connection that locks for good. One thread.
 */
#ifndef TRAM_TEST_SHIM_H
#define TRAM_TEST_SHIM_H

#include "disk.h"

enum shim_call {
	SHIM_OPEN,
	SHIM_ACCESS,
	SHIM_SIZE,
	SHIM_READ,
	SHIM_WRITE,
	SHIM_CUT,
	SHIM_SYNC,
	SHIM_DELETE,
	SHIM_SYNC_FOLDER, /* the outbox's own: fsx_sync_folder_of(), which the linker puts us in the place of */
	SHIM_CALLS
};

struct shim_io {
	enum shim_call call;
	const char *name;
	struct disk *disk;
	struct disk_file *file; /* NULL for SHIM_OPEN of a new one, SHIM_ACCESS and SHIM_DELETE */
	size_t at, len;
	const void *bytes; /* of SHIM_WRITE */
};

/* SQLITE_OK: go on. Else the call fails so, and of a write the first `part` bytes are done. */
struct shim_fate {
	int rc;
	size_t part;
};
typedef struct shim_fate shim_look_fn(void *context, const struct shim_io *io);

/* Makes it SQLite's default. Paths are cut to their last part: there is one folder. */
void shim_install(void);

/* Whose disk it is, and who looks (NULL: nobody). */
struct shim_view {
	struct disk *disk;
	shim_look_fn *look;
	void *context;
};

/* From now on files are opened there. Files that are open stay where they are. Returns what was before. */
struct shim_view shim_use(struct shim_view view);

/* Whether a call changes what a loss of power may leave. */
bool shim_changes(enum shim_call call);

extern const char *const shim_call_names[SHIM_CALLS];

#endif
