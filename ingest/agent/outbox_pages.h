/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox_pages - a checksum on every page of the outbox's file, so that what the disk has changed is not read as if sound.
 *
 * SQLite leaves the last bytes of a page to whoever asks for them; here they hold a hash of the page's place and content,
 * made when the page is written into the file and compared whenever it is read. The log has SQLite's own checksums. Zeros
 * there mean that somebody else wrote the page (sqlite3 folded the log, or made a copy by VACUUM INTO): it is read as it
 * is, as is a file that was made without. One thread.
 */
#ifndef TRAM_OUTBOX_PAGES_H
#define TRAM_OUTBOX_PAGES_H

#include <sqlite3.h>

/* The name for sqlite3_open_v2(): the process's default file system, with checksums. A page that is not what was written
 * reads as SQLITE_IOERR_DATA. */
const char *outbox_pages_vfs(void);

/* For a connection just opened: a file that is made by it will have checksums. Returns SQLite's code. */
int outbox_pages_wanted(sqlite3 *db);

#endif
