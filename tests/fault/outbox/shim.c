/* SPDX-License-Identifier: Apache-2.0 */
#include "shim.h"

#include "err.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define SECTOR 4096

const char *const shim_call_names[SHIM_CALLS] = {
    [SHIM_OPEN] = "open", [SHIM_ACCESS] = "access", [SHIM_SIZE] = "size",
    [SHIM_READ] = "read", [SHIM_WRITE] = "write",   [SHIM_CUT] = "truncate",
    [SHIM_SYNC] = "sync", [SHIM_DELETE] = "delete", [SHIM_SYNC_FOLDER] = "sync-folder",
};

static struct shim_view now;

struct handle {
	sqlite3_file base;
	struct shim_view view; /* of when it was opened */
	struct disk_file *file;
	char name[DISK_NAME];
	bool new_name; /* the folder is to be synced with the file */
	int lock;
};

struct shim_view shim_use(struct shim_view view)
{
	struct shim_view before = now;
	now = view;
	return before;
}

bool shim_changes(enum shim_call call)
{
	return call == SHIM_WRITE || call == SHIM_CUT || call == SHIM_SYNC || call == SHIM_DELETE ||
	       call == SHIM_OPEN || call == SHIM_SYNC_FOLDER;
}

static struct shim_fate look(const struct shim_view *view, struct shim_io io)
{
	io.disk = view->disk;
	return view->look ? view->look(view->context, &io) : (struct shim_fate){SQLITE_OK, 0};
}

static struct shim_fate look_at(struct handle *h, struct shim_io io)
{
	io.file = h->file;
	io.name = h->name;
	return look(&h->view, io);
}

/* ---------------------------------------------------------------- files */

static int shim_close(sqlite3_file *file)
{
	struct handle *h = (struct handle *)file;
	assert(h->lock == SQLITE_LOCK_NONE);
	h->base.pMethods = NULL;
	return SQLITE_OK;
}

static int shim_read(sqlite3_file *file, void *ret, int len, sqlite3_int64 at)
{
	struct handle *h = (struct handle *)file;
	struct shim_fate fate = look_at(h, (struct shim_io){.call = SHIM_READ, .at = (size_t)at, .len = (size_t)len});
	if (fate.rc != SQLITE_OK)
		return fate.rc;
	return disk_read(h->file, (size_t)at, ret, (size_t)len) == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int shim_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	struct handle *h = (struct handle *)file;
	struct shim_fate fate =
	    look_at(h, (struct shim_io){.call = SHIM_WRITE, .at = (size_t)at, .len = (size_t)len, .bytes = bytes});
	disk_write(h->file, (size_t)at, bytes, fate.rc == SQLITE_OK ? (size_t)len : fate.part);
	return fate.rc;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct handle *h = (struct handle *)file;
	struct shim_fate fate = look_at(h, (struct shim_io){.call = SHIM_CUT, .at = (size_t)size});
	if (fate.rc == SQLITE_OK)
		disk_cut(h->file, (size_t)size);
	return fate.rc;
}

static int shim_sync(sqlite3_file *file, int flags)
{
	struct handle *h = (struct handle *)file;
	(void)flags;
	struct shim_fate fate = look_at(h, (struct shim_io){.call = SHIM_SYNC});
	if (fate.rc != SQLITE_OK)
		return fate.rc;
	disk_sync(h->file);
	if (h->new_name)
		disk_sync_folder(h->view.disk);
	h->new_name = false;
	return SQLITE_OK;
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	struct handle *h = (struct handle *)file;
	struct shim_fate fate = look_at(h, (struct shim_io){.call = SHIM_SIZE});
	if (fate.rc == SQLITE_OK)
		*ret = (sqlite3_int64)h->file->seen_size;
	return fate.rc;
}

/* Locks as the system's own: every handle may be another process. */
static int shim_lock(sqlite3_file *file, int level)
{
	struct handle *h = (struct handle *)file;
	struct disk_file *f = h->file;
	if (h->lock >= level)
		return SQLITE_OK;
	if (f->exclusive && f->exclusive != h)
		return SQLITE_BUSY;
	if (h->lock == SQLITE_LOCK_NONE) {
		f->shared++;
		h->lock = SQLITE_LOCK_SHARED;
	}
	if (level >= SQLITE_LOCK_RESERVED) {
		if (f->reserved && f->reserved != h)
			return SQLITE_BUSY;
		f->reserved = h;
		h->lock = SQLITE_LOCK_RESERVED;
	}
	if (level == SQLITE_LOCK_EXCLUSIVE) {
		if (f->shared > 1)
			return SQLITE_BUSY;
		f->exclusive = h;
		h->lock = SQLITE_LOCK_EXCLUSIVE;
	}
	return SQLITE_OK;
}

static int shim_unlock(sqlite3_file *file, int level)
{
	struct handle *h = (struct handle *)file;
	struct disk_file *f = h->file;
	if (h->lock <= level)
		return SQLITE_OK;
	if (f->reserved == h)
		f->reserved = NULL;
	if (f->exclusive == h)
		f->exclusive = NULL;
	if (level == SQLITE_LOCK_NONE)
		f->shared--;
	h->lock = level;
	return SQLITE_OK;
}

static int shim_reserved(sqlite3_file *file, int *ret)
{
	*ret = ((struct handle *)file)->file->reserved != NULL;
	return SQLITE_OK;
}

static int shim_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int shim_sector(sqlite3_file *file)
{
	(void)file;
	return SECTOR;
}

static int shim_promises(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_promises,
};

/* ---------------------------------------------------------------- the folder */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct handle *h = (struct handle *)file;
	(void)vfs;
	assert(path); /* temporary files stay in memory */
	*h = (struct handle){.view = now};
	snprintf(h->name, sizeof h->name, "%s", base_name(path));
	h->file = disk_find(now.disk, h->name);
	if (!h->file && !(flags & SQLITE_OPEN_CREATE))
		return SQLITE_CANTOPEN;
	struct shim_fate fate = look_at(h, (struct shim_io){.call = SHIM_OPEN});
	if (fate.rc != SQLITE_OK)
		return fate.rc;
	if (!h->file) {
		h->file = disk_make(now.disk, h->name);
		h->new_name = flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL);
	}
	h->base.pMethods = &methods;
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int shim_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	const char *name = base_name(path);
	(void)vfs;
	struct shim_fate fate = look(&now, (struct shim_io){.call = SHIM_DELETE, .name = name});
	if (fate.rc != SQLITE_OK)
		return fate.rc;
	if (!disk_find(now.disk, name))
		return SQLITE_IOERR_DELETE_NOENT;
	disk_unlink(now.disk, name);
	if (sync_folder)
		disk_sync_folder(now.disk);
	return SQLITE_OK;
}

bool __wrap_fsx_sync_folder_of(const char *path, struct err *err);

bool __wrap_fsx_sync_folder_of(const char *path, struct err *err)
{
	struct shim_fate fate = look(&now, (struct shim_io){.call = SHIM_SYNC_FOLDER, .name = base_name(path)});
	if (fate.rc != SQLITE_OK)
		return err_set(err, ERR_IO, "the folder cannot be synced");
	disk_sync_folder(now.disk);
	return true;
}

static int shim_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret)
{
	const char *name = base_name(path);
	(void)vfs;
	struct shim_fate fate = look(&now, (struct shim_io){.call = SHIM_ACCESS, .name = name});
	if (fate.rc != SQLITE_OK)
		return fate.rc;
	const struct disk_file *f = disk_find(now.disk, name);
	*ret = f && (flags != SQLITE_ACCESS_EXISTS || f->seen_size > 0); /* as the system's: an empty file is none */
	return SQLITE_OK;
}

static int shim_path(sqlite3_vfs *vfs, const char *path, int size, char *ret)
{
	(void)vfs;
	return snprintf(ret, (size_t)size, "%s", path) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* The same start on the same disk gives the same numbers. */
static int shim_random(sqlite3_vfs *vfs, int len, char *ret)
{
	(void)vfs;
	for (int i = 0; i < len; i++)
		ret[i] = (char)disk_random(&now.disk->random);
	return len;
}

static int shim_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int shim_time(sqlite3_vfs *vfs, double *ret)
{
	(void)vfs;
	*ret = 2460000.5;
	return SQLITE_OK;
}

static int shim_last_error(sqlite3_vfs *vfs, int len, char *ret)
{
	(void)vfs;
	(void)len;
	(void)ret;
	return 0;
}

void shim_install(void)
{
	static sqlite3_vfs vfs = {
	    .iVersion = 1,
	    .szOsFile = (int)sizeof(struct handle),
	    .mxPathname = 512,
	    .zName = "tram-shim",
	    .xOpen = shim_open,
	    .xDelete = shim_delete,
	    .xAccess = shim_access,
	    .xFullPathname = shim_path,
	    .xRandomness = shim_random,
	    .xSleep = shim_sleep,
	    .xCurrentTime = shim_time,
	    .xGetLastError = shim_last_error,
	};
	int rc = sqlite3_vfs_register(&vfs, 1);
	assert(rc == SQLITE_OK);
	(void)rc;
}
