/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - the two key pairs of an agent or of the centre: CURVE (who is connected) and Ed25519 (who wrote).
 *
 * A secret key file is readable by its owner alone (0600), or it is refused; beside it lies the public file (.pub) that
 * one may hand around. Both are small INI texts that say what they are. Secrets are wiped when freed.
 */
#ifndef TRAM_KEYS_H
#define TRAM_KEYS_H

#include "digest.h"
#include "err.h"

#define KEYS_NAME_MAX 64
#define Z85_KEY_SIZE  41 /* 40 characters and a NUL */

struct keys {
	char name[KEYS_NAME_MAX + 1]; /* the agent's id, or "centre" */
	char curve_public[Z85_KEY_SIZE], curve_secret[Z85_KEY_SIZE];
	uint8_t sign_public[SIGN_PUBLIC_SIZE], sign_secret[SIGN_SECRET_SIZE];
};

/* [a-z0-9][a-z0-9-]{0,63}: what an agent's id and a key's name look like. */
bool keys_name_is_valid(const char *name);

/* New random pairs for a valid name. */
bool keys_make(const char *name, struct keys *ret, struct err *err) MUST_CHECK;

/* Writes secret_path (0600) and secret_path with its ending .key replaced by .pub (0644). Refuses to overwrite. */
bool keys_save(const struct keys *keys, const char *secret_path, struct err *err) MUST_CHECK;

/* Reads a secret file; refuses one that others can read. */
bool keys_load_secret(const char *path, struct keys *ret, struct err *err) MUST_CHECK;

/* Reads a public file; the secrets in *ret are zero. */
bool keys_load_public(const char *path, struct keys *ret, struct err *err) MUST_CHECK;

/* "3f9a-02c1-…": BLAKE2b of both public keys, 8 groups of 4, for people to compare. buf of 40 bytes. */
char *keys_fingerprint(const struct keys *keys, char buf[static 40]);

/* Overwrites all of it with zeros. */
void keys_wipe(struct keys *keys);

#endif
