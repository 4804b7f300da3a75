/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk - a disk in memory that knows what a loss of power would leave of it.
 *
 * A file has what programs see (the page cache) and what is on the platter; what was written since the last sync stands
 * between the two, change by change. A name in the folder is on the platter only when the folder was synced. Nothing
 * here fails: failing is shim.h's part. One thread; memory that is lacking aborts (mem.h).
 */
#ifndef TRAM_TEST_DISK_H
#define TRAM_TEST_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_FILES 8
#define DISK_NAME  32

struct disk_change {
	bool cut; /* the size became `at`; else len bytes were written there */
	size_t at, len;
	uint8_t *bytes;
};

struct disk_file {
	uint8_t *seen, *kept; /* both of `room` bytes, zero behind the size */
	size_t seen_size, kept_size, room;
	struct disk_change *changes; /* from kept to seen, in order */
	size_t n_changes;
	int shared;                       /* how many handles hold SQLite's shared lock */
	const void *reserved, *exclusive; /* the handle that holds it */
};

struct disk {
	struct disk_file files[DISK_FILES];
	char seen[DISK_FILES][DISK_NAME]; /* names; "": the file has none */
	char kept[DISK_FILES][DISK_NAME];
	size_t n_files; /* files are never made again in another's place */
	uint64_t random;
};

struct disk *disk_new(uint64_t seed);
void disk_free(struct disk **dp);

/* Another disk with the same content, nobody's file open. Caller frees. */
struct disk *disk_copy(const struct disk *d);

/* The file of that name; NULL: there is none. disk_make() makes it. */
struct disk_file *disk_find(struct disk *d, const char *name);
struct disk_file *disk_make(struct disk *d, const char *name);
void disk_unlink(struct disk *d, const char *name);

/* Returns how many of the len bytes there were; the rest is zeroed. */
size_t disk_read(const struct disk_file *f, size_t at, void *ret, size_t len);
void disk_write(struct disk_file *f, size_t at, const void *bytes, size_t len);
void disk_cut(struct disk_file *f, size_t size);

/* What was written is on the platter now. */
void disk_sync(struct disk_file *f);
void disk_sync_folder(struct disk *d);

/* What the kernel does to pages that it could not write: they count as clean, and are not on the platter. */
void disk_forget_changes(struct disk_file *f);

/* How a loss of power treats what was not synced. */
struct disk_loss {
	bool all;        /* nothing of it survives; else a random part */
	size_t sector;   /* what survives as a whole */
	bool torn;       /* the last write of a sector may also be there in part */
	bool is_garbage; /* where a file grew and the content did not come: garbage, else zeros */
	uint64_t seed;
};

/* What is there when the power is back. Caller frees. */
struct disk *disk_after(const struct disk *d, const struct disk_loss *loss);

/* The next number of a sequence (splitmix64). */
uint64_t disk_random(uint64_t *state);

#endif
