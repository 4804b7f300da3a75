/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include "conf.h"
#include "fsx.h"
#include "lang.h"
#include "mem.h"
#include "text.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define KIND_SECRET     "tram-secret-keys-v1"
#define KIND_PUBLIC     "tram-public-keys-v1"
#define FILE_MAX        4096
#define CURVE_SIZE      32
#define HEX_SIZE(bytes) (2 * (bytes) + 1)

struct key_file {
	char *kind, *name, *curve_public, *curve_secret, *sign_public, *sign_secret;
};

#define FIELD(member, choice_type, choice_list)                                                                        \
	{                                                                                                              \
		.name = #member, .type = choice_type, .offset = offsetof(struct key_file, member),                     \
		.choices = choice_list, .help = ""                                                                     \
	}

static const struct conf_setting secret_fields[] = {
    FIELD(kind, CONF_CHOICE, KIND_SECRET), FIELD(name, CONF_TEXT, NULL),        FIELD(curve_public, CONF_TEXT, NULL),
    FIELD(curve_secret, CONF_TEXT, NULL),  FIELD(sign_public, CONF_TEXT, NULL), FIELD(sign_secret, CONF_TEXT, NULL),
};

static const struct conf_setting public_fields[] = {
    FIELD(kind, CONF_CHOICE, KIND_PUBLIC),
    FIELD(name, CONF_TEXT, NULL),
    FIELD(curve_public, CONF_TEXT, NULL),
    FIELD(sign_public, CONF_TEXT, NULL),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool keys_name_is_valid(const char *name)
{
	size_t len = strlen(name);
	if (len == 0 || len > KEYS_NAME_MAX || name[0] == '-')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool check_name(const char *name, struct err *err)
{
	if (keys_name_is_valid(name))
		return true;
	return err_set(err, ERR_USAGE,
		       _("\"%.80s\" cannot name keys: use 1 to %d of a-z, 0-9 and -, not starting with -"), name,
		       KEYS_NAME_MAX);
}

static bool start_sodium(struct err *err)
{
	if (sodium_init() >= 0)
		return true;
	return err_set(err, ERR_SOFTWARE, _("the cryptographic library does not start"));
}

bool keys_make(const char *name, struct keys *ret, struct err *err)
{
	if (!check_name(name, err) || !start_sodium(err))
		return false;
	memset(ret, 0, sizeof *ret);
	snprintf(ret->name, sizeof ret->name, "%s", name);
	if (zmq_curve_keypair(ret->curve_public, ret->curve_secret) != 0)
		return err_set_errno(err, ERR_SOFTWARE, _("libzmq cannot make CURVE keys"));
	crypto_sign_ed25519_keypair(ret->sign_public, ret->sign_secret);
	return true;
}

/* ---------------------------------------------------------------- writing */

/* "x.key" -> "x.pub"; caller frees; NULL when the ending is another. */
static char *public_path(const char *secret_path)
{
	size_t len = strlen(secret_path);
	if (len < 5 || strcmp(secret_path + len - 4, ".key") != 0)
		return NULL;
	char *path = xstrdup(secret_path);
	memcpy(path + len - 4, ".pub", 4);
	return path;
}

static bool is_free(const char *path, struct err *err)
{
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return true;
	return err_set(err, ERR_CANTCREAT,
		       _("%s is there already: keys are never overwritten; move it away first if you mean it"), path);
}

static bool write_public(const struct keys *keys, const char *path, struct err *err)
{
	char text[FILE_MAX], hex[HEX_SIZE(SIGN_PUBLIC_SIZE)], fingerprint[40];
	int n = snprintf(text, sizeof text,
			 "# Public keys of %s. May be handed around; compare the fingerprint by another way:\n"
			 "# %s\n"
			 "kind = " KIND_PUBLIC "\nname = %s\ncurve_public = %s\nsign_public = %s\n",
			 keys->name, keys_fingerprint(keys, fingerprint), keys->name, keys->curve_public,
			 text_hex(keys->sign_public, SIGN_PUBLIC_SIZE, hex));
	return fsx_write(path, text, (size_t)n, 0644, err);
}

static bool write_secret(const struct keys *keys, const char *path, struct err *err)
{
	char text[FILE_MAX], hex[HEX_SIZE(SIGN_PUBLIC_SIZE)], secret[HEX_SIZE(SIGN_SECRET_SIZE)];
	int n = snprintf(text, sizeof text,
			 "# Secret keys of %s. Whoever can read this file can speak and sign as %s.\n"
			 "kind = " KIND_SECRET "\nname = %s\ncurve_public = %s\ncurve_secret = %s\nsign_public = %s\n"
			 "sign_secret = %s\n",
			 keys->name, keys->name, keys->name, keys->curve_public, keys->curve_secret,
			 text_hex(keys->sign_public, SIGN_PUBLIC_SIZE, hex),
			 text_hex(keys->sign_secret, SIGN_SECRET_SIZE, secret));
	bool fine = fsx_write(path, text, (size_t)n, 0600, err);
	sodium_memzero(text, sizeof text);
	sodium_memzero(secret, sizeof secret);
	return fine;
}

bool keys_save(const struct keys *keys, const char *secret_path, struct err *err)
{
	char *beside = public_path(secret_path);
	if (!beside)
		return err_set(err, ERR_USAGE, _("%s: a secret key file's name ends in .key"), secret_path);
	bool fine = is_free(secret_path, err) && is_free(beside, err) && write_secret(keys, secret_path, err);
	if (fine && !write_public(keys, beside, err)) {
		unlink(secret_path);
		fine = false;
	}
	free(beside);
	return fine;
}

/* ---------------------------------------------------------------- reading */

static bool bad_field(const char *path, const char *field, struct err *err)
{
	return err_set(err, ERR_CONFIG, _("%s: %s is not a key: the file is damaged; restore it or make new keys"),
		       path, field);
}

static bool take_curve(const char *text, char ret[static Z85_KEY_SIZE])
{
	uint8_t raw[CURVE_SIZE];
	bool fine = strlen(text) == Z85_KEY_SIZE - 1 && zmq_z85_decode(raw, text);
	sodium_memzero(raw, sizeof raw);
	if (fine)
		memcpy(ret, text, Z85_KEY_SIZE);
	return fine;
}

static bool take_public(const struct key_file *file, const char *path, struct keys *ret, struct err *err)
{
	if (!keys_name_is_valid(file->name))
		return bad_field(path, "name", err);
	snprintf(ret->name, sizeof ret->name, "%s", file->name);
	if (!take_curve(file->curve_public, ret->curve_public))
		return bad_field(path, "curve_public", err);
	if (!text_unhex(file->sign_public, ret->sign_public, SIGN_PUBLIC_SIZE))
		return bad_field(path, "sign_public", err);
	return true;
}

static bool take_secret(const struct key_file *file, const char *path, struct keys *ret, struct err *err)
{
	char derived_curve[Z85_KEY_SIZE];
	uint8_t derived_sign[SIGN_PUBLIC_SIZE];
	if (!take_curve(file->curve_secret, ret->curve_secret))
		return bad_field(path, "curve_secret", err);
	if (!text_unhex(file->sign_secret, ret->sign_secret, SIGN_SECRET_SIZE))
		return bad_field(path, "sign_secret", err);
	crypto_sign_ed25519_sk_to_pk(derived_sign, ret->sign_secret);
	if (zmq_curve_public(derived_curve, ret->curve_secret) != 0 || strcmp(derived_curve, ret->curve_public) != 0 ||
	    memcmp(derived_sign, ret->sign_public, SIGN_PUBLIC_SIZE) != 0)
		return err_set(err, ERR_CONFIG,
			       _("%s: the secret and the public keys in it are not of one pair: restore the file"),
			       path);
	return true;
}

static void wipe_text(char *text)
{
	if (text)
		sodium_memzero(text, strlen(text));
}

static bool load(const char *path, bool secret, struct keys *ret, struct err *err)
{
	const struct conf_setting *fields = secret ? secret_fields : public_fields;
	size_t n = secret ? COUNT(secret_fields) : COUNT(public_fields);
	struct key_file file = {0};
	memset(ret, 0, sizeof *ret);
	bool fine = start_sodium(err) && conf_load(fields, n, path, &file, err) && take_public(&file, path, ret, err) &&
		    (!secret || take_secret(&file, path, ret, err));
	wipe_text(file.curve_secret);
	wipe_text(file.sign_secret);
	conf_clear(fields, n, &file);
	if (!fine)
		keys_wipe(ret);
	return fine;
}

bool keys_load_secret(const char *path, struct keys *ret, struct err *err)
{
	return fsx_is_secret(path, err) && load(path, true, ret, err);
}

bool keys_load_public(const char *path, struct keys *ret, struct err *err)
{
	return load(path, false, ret, err);
}

char *keys_fingerprint(const struct keys *keys, char buf[static 40])
{
	uint8_t hash[16], both[CURVE_SIZE + SIGN_PUBLIC_SIZE] = {0};
	zmq_z85_decode(both, keys->curve_public);
	memcpy(both + CURVE_SIZE, keys->sign_public, SIGN_PUBLIC_SIZE);
	crypto_generichash(hash, sizeof hash, both, sizeof both, NULL, 0);
	for (size_t group = 0; group < 8; group++)
		snprintf(buf + 5 * group, 6, "%02x%02x%s", hash[2 * group], hash[2 * group + 1], group < 7 ? "-" : "");
	return buf;
}

void keys_wipe(struct keys *keys)
{
	sodium_memzero(keys, sizeof *keys);
}
