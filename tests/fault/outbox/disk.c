/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include "mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t disk_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* ---------------------------------------------------------------- disks and their names */

struct disk *disk_new(uint64_t seed)
{
	struct disk *d = xcalloc(1, sizeof *d);
	d->random = seed;
	return d;
}

static void drop_changes(struct disk_file *f)
{
	for (size_t i = 0; i < f->n_changes; i++)
		free(f->changes[i].bytes);
	free(f->changes);
	f->changes = NULL;
	f->n_changes = 0;
}

void disk_free(struct disk **dp)
{
	struct disk *d = *dp;
	*dp = NULL;
	if (!d)
		return;
	for (size_t i = 0; i < d->n_files; i++) {
		drop_changes(&d->files[i]);
		free(d->files[i].seen);
		free(d->files[i].kept);
	}
	free(d);
}

static void *copy_of(const void *bytes, size_t used, size_t room)
{
	uint8_t *copy = xcalloc(1, room + 1);
	if (used)
		memcpy(copy, bytes, used);
	return copy;
}

static struct disk_change *copy_changes(const struct disk_file *f)
{
	if (f->n_changes == 0)
		return NULL;
	struct disk_change *copy = xmemdup(f->changes, f->n_changes * sizeof *copy);
	for (size_t i = 0; i < f->n_changes; i++)
		if (!copy[i].cut)
			copy[i].bytes = xmemdup(copy[i].bytes, copy[i].len);
	return copy;
}

struct disk *disk_copy(const struct disk *d)
{
	struct disk *copy = xmemdup(d, sizeof *d);
	for (size_t i = 0; i < d->n_files; i++) {
		struct disk_file *f = &copy->files[i];
		f->seen = copy_of(f->seen, f->seen_size, f->room);
		f->kept = copy_of(f->kept, f->kept_size, f->room);
		f->changes = copy_changes(f);
		f->shared = 0;
		f->reserved = f->exclusive = NULL;
	}
	return copy;
}

static size_t place_of(const struct disk *d, const char *name)
{
	size_t i = 0;
	while (i < d->n_files && strcmp(d->seen[i], name) != 0)
		i++;
	return i;
}

struct disk_file *disk_find(struct disk *d, const char *name)
{
	size_t i = place_of(d, name);
	return i < d->n_files ? &d->files[i] : NULL;
}

/* A file that no name leads to any more, or a new one. */
static size_t free_place(struct disk *d)
{
	for (size_t i = 0; i < d->n_files; i++)
		if (!d->seen[i][0] && !d->kept[i][0]) {
			drop_changes(&d->files[i]);
			free(d->files[i].seen);
			free(d->files[i].kept);
			return i;
		}
	assert(d->n_files < DISK_FILES);
	return d->n_files++;
}

struct disk_file *disk_make(struct disk *d, const char *name)
{
	size_t i = free_place(d);
	d->files[i] = (struct disk_file){.seen = xcalloc(1, 1), .kept = xcalloc(1, 1)};
	snprintf(d->seen[i], DISK_NAME, "%s", name);
	return &d->files[i];
}

void disk_unlink(struct disk *d, const char *name)
{
	size_t i = place_of(d, name);
	if (i < d->n_files)
		d->seen[i][0] = 0;
}

/* ---------------------------------------------------------------- content */

size_t disk_read(const struct disk_file *f, size_t at, void *ret, size_t len)
{
	size_t there = at >= f->seen_size ? 0 : f->seen_size - at;
	if (there > len)
		there = len;
	memcpy(ret, f->seen + (there ? at : 0), there);
	memset((uint8_t *)ret + there, 0, len - there);
	return there;
}

static void make_room(struct disk_file *f, size_t size)
{
	if (size <= f->room)
		return;
	size_t room = size + size / 2;
	f->seen = xrealloc(f->seen, room);
	f->kept = xrealloc(f->kept, room);
	memset(f->seen + f->room, 0, room - f->room);
	memset(f->kept + f->room, 0, room - f->room);
	f->room = room;
}

static void resize(uint8_t *bytes, size_t *sizep, size_t size)
{
	if (size < *sizep)
		memset(bytes + size, 0, *sizep - size);
	*sizep = size;
}

static void note_change(struct disk_file *f, struct disk_change change)
{
	f->changes = xreallocarray(f->changes, f->n_changes + 1, sizeof *f->changes);
	f->changes[f->n_changes++] = change;
}

void disk_write(struct disk_file *f, size_t at, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	make_room(f, at + len);
	memcpy(f->seen + at, bytes, len);
	if (f->seen_size < at + len)
		f->seen_size = at + len;
	note_change(f, (struct disk_change){.at = at, .len = len, .bytes = xmemdup(bytes, len)});
}

void disk_cut(struct disk_file *f, size_t size)
{
	make_room(f, size);
	resize(f->seen, &f->seen_size, size);
	note_change(f, (struct disk_change){.cut = true, .at = size});
}

void disk_sync(struct disk_file *f)
{
	for (size_t i = 0; i < f->n_changes; i++) {
		const struct disk_change *c = &f->changes[i];
		if (c->cut) {
			resize(f->kept, &f->kept_size, c->at);
		} else {
			memcpy(f->kept + c->at, c->bytes, c->len);
			if (f->kept_size < c->at + c->len)
				f->kept_size = c->at + c->len;
		}
	}
	drop_changes(f);
}

void disk_forget_changes(struct disk_file *f)
{
	drop_changes(f);
}

void disk_sync_folder(struct disk *d)
{
	memcpy(d->kept, d->seen, sizeof d->kept);
}

/* ---------------------------------------------------------------- loss of power */

/*
 * One file while it is worked out what is left of it. The cache writes sectors back each by itself at any moment: what
 * is kept of a sector is the state after some prefix of the writes that touched it. Sizes change in order, as file
 * systems with a journal do it: the first `metadata` changes had their effect on the size, and a cut is done or is not.
 */
struct salvage {
	const struct disk_loss *loss;
	uint64_t random;
	const struct disk_file *was;
	struct disk_file *left;
	size_t metadata, sectors;
	size_t *touched, *taken, *most; /* by sector: writes, writes met so far, writes that survive */
};

typedef void part_fn(struct salvage *s, size_t sector, size_t at, const uint8_t *bytes, size_t len);

/* What lies behind a cut that was lost is in blocks that nobody finds. */
static size_t lost_from(const struct salvage *s, size_t i)
{
	size_t from = SIZE_MAX;
	for (size_t k = s->metadata; k < i; k++)
		if (s->was->changes[k].cut && s->was->changes[k].at < from)
			from = s->was->changes[k].at;
	return from;
}

static void each_part(struct salvage *s, size_t i, part_fn *part)
{
	const struct disk_change *c = &s->was->changes[i];
	size_t end = c->at + c->len, lost = lost_from(s, i), size = s->loss->sector;
	for (size_t at = c->at; at < end && at < lost;) {
		size_t next = (at / size + 1) * size < end ? (at / size + 1) * size : end;
		part(s, at / size, at, c->bytes + (at - c->at), next - at);
		at = next;
	}
}

static void count_part(struct salvage *s, size_t sector, size_t at, const uint8_t *bytes, size_t len)
{
	(void)at;
	(void)bytes;
	(void)len;
	s->touched[sector]++;
}

static void take_part(struct salvage *s, size_t sector, size_t at, const uint8_t *bytes, size_t len)
{
	if (s->taken[sector]++ >= s->most[sector])
		return;
	if (s->loss->torn && s->taken[sector] == s->most[sector] && disk_random(&s->random) % 4 == 0)
		len = disk_random(&s->random) % len;
	memcpy(s->left->seen + at, bytes, len);
}

/* Beyond what was kept, sectors that did not come hold anything. */
static void put_garbage(struct salvage *s)
{
	for (size_t at = s->was->kept_size; at < s->left->seen_size; at++)
		if (s->most[at / s->loss->sector] == 0)
			s->left->seen[at] = (uint8_t)disk_random(&s->random);
}

static void replay(struct salvage *s)
{
	struct disk_file *left = s->left;
	for (size_t i = 0; i < s->was->n_changes; i++) {
		const struct disk_change *c = &s->was->changes[i];
		if (!c->cut)
			each_part(s, i, take_part);
		if (i >= s->metadata)
			continue;
		if (c->cut)
			memset(left->seen + c->at, 0, left->room - c->at);
		if (c->cut || c->at + c->len > left->seen_size)
			left->seen_size = c->cut ? c->at : c->at + c->len;
	}
	memset(left->seen + left->seen_size, 0, left->room - left->seen_size);
}

static void salvage_file(struct salvage *s)
{
	s->sectors = s->was->room / s->loss->sector + 1;
	s->touched = xcalloc(s->sectors, sizeof *s->touched);
	s->taken = xcalloc(s->sectors, sizeof *s->taken);
	s->most = xcalloc(s->sectors, sizeof *s->most);
	s->metadata = disk_random(&s->random) % (s->was->n_changes + 1);
	for (size_t i = 0; i < s->was->n_changes; i++)
		if (!s->was->changes[i].cut)
			each_part(s, i, count_part);
	for (size_t k = 0; k < s->sectors; k++)
		s->most[k] = s->touched[k] ? disk_random(&s->random) % (s->touched[k] + 1) : 0;
	replay(s);
	if (s->loss->is_garbage)
		put_garbage(s);
	free(s->touched);
	free(s->taken);
	free(s->most);
}

static void lose_names(struct disk *d, const struct disk_loss *loss, uint64_t *random)
{
	for (size_t i = 0; i < d->n_files; i++)
		if (loss->all || disk_random(random) % 2)
			memcpy(d->seen[i], d->kept[i], DISK_NAME);
}

/* One name, one file: when both a new and an old file would have it, the old one was never let go. */
static void settle_names(struct disk *d)
{
	for (size_t i = 0; i < d->n_files; i++)
		for (size_t k = 0; k < d->n_files; k++)
			if (k != i && d->seen[i][0] && strcmp(d->seen[i], d->seen[k]) == 0 && !d->kept[k][0])
				d->seen[k][0] = 0;
}

struct disk *disk_after(const struct disk *d, const struct disk_loss *loss)
{
	struct disk *left = xmemdup(d, sizeof *d);
	struct salvage s = {.loss = loss, .random = loss->seed};
	for (size_t i = 0; i < d->n_files; i++) {
		struct disk_file *f = &left->files[i];
		*f = (struct disk_file){.seen_size = f->kept_size, .room = f->room};
		f->seen = copy_of(d->files[i].kept, f->seen_size, f->room);
		s.was = &d->files[i];
		s.left = f;
		if (!loss->all && s.was->n_changes)
			salvage_file(&s);
		f->kept = copy_of(f->seen, f->seen_size, f->room);
		f->kept_size = f->seen_size;
	}
	lose_names(left, loss, &s.random);
	settle_names(left);
	disk_sync_folder(left);
	return left;
}
