/* SPDX-License-Identifier: Apache-2.0 */
#include "outbox_pages.h"

#include <assert.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAME        "tram-pages"
#define SEAL_SIZE   8
#define RESERVED_AT 20 /* the byte of the file's first page that says how many bytes of a page are not SQLite's */
#define PAGE_MAX    65536

/* Behind the real file system's own record of an open file. */
struct extra {
	const sqlite3_io_methods *real;
	bool is_sealed; /* as the first page says */
};

static sqlite3_vfs vfs, *real_vfs;
static sqlite3_io_methods methods; /* the real ones but for reading and writing */

static struct extra *extra_of(sqlite3_file *file)
{
	return (struct extra *)((char *)file + vfs.szOsFile - sizeof(struct extra));
}

static void seal(sqlite3_int64 at, const uint8_t *page, size_t size, uint8_t ret[static SEAL_SIZE])
{
	crypto_generichash_state state;
	uint8_t hash[crypto_generichash_BYTES_MIN], place[8];
	for (int i = 0; i < 8; i++)
		place[i] = (uint8_t)(at >> (8 * i));
	crypto_generichash_init(&state, NULL, 0, sizeof hash);
	crypto_generichash_update(&state, place, sizeof place);
	crypto_generichash_update(&state, page, size - SEAL_SIZE);
	crypto_generichash_final(&state, hash, sizeof hash);
	memcpy(ret, hash, SEAL_SIZE);
}

static bool has_seal(sqlite3_int64 at, const uint8_t *page, size_t size)
{
	uint8_t should[SEAL_SIZE];
	seal(at, page, size, should);
	return memcmp(should, page + size - SEAL_SIZE, SEAL_SIZE) == 0;
}

static bool has_none(const uint8_t *page, size_t size)
{
	static const uint8_t none[SEAL_SIZE];
	return memcmp(none, page + size - SEAL_SIZE, SEAL_SIZE) == 0;
}

static bool is_page(sqlite3_int64 at, int len)
{
	return len >= 512 && len <= PAGE_MAX && (len & (len - 1)) == 0 && at % len == 0;
}

/* The first page of a sealed file whose very mark was changed. */
static bool lost_its_mark(const uint8_t *page, size_t size)
{
	uint8_t marked[PAGE_MAX];
	memcpy(marked, page, size);
	marked[RESERVED_AT] = SEAL_SIZE;
	return page[RESERVED_AT] != SEAL_SIZE && has_seal(0, marked, size);
}

static bool is_sound(const struct extra *extra, sqlite3_int64 at, const uint8_t *page, size_t size)
{
	if (extra->is_sealed)
		return has_seal(at, page, size) || has_none(page, size);
	return at > 0 || !lost_its_mark(page, size);
}

static int read_checked(sqlite3_file *file, void *ret, int len, sqlite3_int64 at)
{
	struct extra *extra = extra_of(file);
	uint8_t *page = ret;
	int rc = extra->real->xRead(file, ret, len, at);
	if (rc != SQLITE_OK)
		return rc;
	if (at == 0 && len > RESERVED_AT)
		extra->is_sealed = page[RESERVED_AT] == SEAL_SIZE;
	if (!is_page(at, len))
		return SQLITE_OK;
	if (!is_sound(extra, at, page, (size_t)len))
		return SQLITE_IOERR_DATA;
	/* So that the log gets zeros, whatever becomes of the page in memory: an old seal there would be a wrong one. */
	if (extra->is_sealed)
		memset(page + len - SEAL_SIZE, 0, SEAL_SIZE);
	return SQLITE_OK;
}

static int write_sealed(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	struct extra *extra = extra_of(file);
	uint8_t page[PAGE_MAX];
	if (at == 0 && len > RESERVED_AT)
		extra->is_sealed = ((const uint8_t *)bytes)[RESERVED_AT] == SEAL_SIZE;
	if (!extra->is_sealed || !is_page(at, len))
		return extra->real->xWrite(file, bytes, len, at);
	memcpy(page, bytes, (size_t)len);
	seal(at, page, (size_t)len, page + len - SEAL_SIZE);
	return extra->real->xWrite(file, page, len, at);
}

static int open_file(sqlite3_vfs *ours, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	(void)ours;
	int rc = real_vfs->xOpen(real_vfs, name, file, flags, ret_flags);
	if (rc != SQLITE_OK || !(flags & SQLITE_OPEN_MAIN_DB))
		return rc;
	*extra_of(file) = (struct extra){.real = file->pMethods};
	methods = *file->pMethods;
	methods.xRead = read_checked;
	methods.xWrite = write_sealed;
	file->pMethods = &methods;
	return SQLITE_OK;
}

const char *outbox_pages_vfs(void)
{
	const int align = _Alignof(struct extra);
	sqlite3_vfs_unregister(&vfs);
	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.zName = NAME;
	vfs.xOpen = open_file;
	vfs.szOsFile = (real_vfs->szOsFile + align - 1) / align * align + (int)sizeof(struct extra);
	int rc = sqlite3_vfs_register(&vfs, 0);
	assert(rc == SQLITE_OK);
	(void)rc;
	return NAME;
}

int outbox_pages_wanted(sqlite3 *db)
{
	int bytes = SEAL_SIZE;
	return sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes);
}
