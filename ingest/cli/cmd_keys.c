/* SPDX-License-Identifier: Apache-2.0 */
/* tram keys make and tram keys show: the two key pairs of an agent or of the centre. */
#include "cli.h"
#include "keys.h"
#include "lang.h"
#include "mem.h"
#include "terminal.h"
#include "text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct keys_options {
	struct common_options common;
	const char *out;
};

static const struct option_row make_rows[] = {
    {"out", "PATH", OPTION_TEXT, offsetof(struct keys_options, out), N_("where the secret file goes (NAME.key)")},
};

static const struct options make_spec = {"keys make",
					 "NAME [OPTION]...",
					 N_("Makes new keys for an agent (its id, such as agent-63-46) or for the "
					    "centre (\"centre\"): PATH, which stays secret,\n"
					    "and beside it the .pub file, which the other side gets."),
					 false,
					 false,
					 make_rows,
					 1,
					 1,
					 1};

static const struct options show_spec = {
    "keys show", "FILE", N_("The public half of a key file, and the fingerprint that both sides compare."),
    false,       false,  NULL,
    0,           1,      1};

static void show_line(const char *label, const char *text)
{
	terminal_label(stdout, label, 16);
	printf(" %s\n", text);
}

static bool show_keys(const struct keys *keys, const char *path, bool is_json, struct err *err)
{
	char fingerprint[40], sign[2 * SIGN_PUBLIC_SIZE + 1];

	keys_fingerprint(keys, fingerprint);
	text_hex(keys->sign_public, SIGN_PUBLIC_SIZE, sign);
	if (is_json)
		return cli_print_json(json_pack("{ss ss ss ss ss}", "name", keys->name, "fingerprint", fingerprint,
						"curve_public", keys->curve_public, "signing_public", sign, "file",
						path),
				      err);
	show_line(_("name"), keys->name);
	show_line(_("fingerprint"), fingerprint);
	show_line("CURVE", keys->curve_public);
	show_line("Ed25519", sign);
	show_line(_("file"), path);
	return true;
}

int cmd_keys_make(int argc, char **argv)
{
	struct keys_options o = {0};
	struct keys keys;
	struct err err;
	char *path;
	int first;
	bool ok;

	switch (options_parse(&make_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	if (!keys_name_is_valid(argv[first])) {
		err_set(&err, ERR_USAGE,
			_("\"%s\" is no name for keys: begin with a-z or 0-9 and use a-z, 0-9 and - only"),
			argv[first]);
		return cli_fail(&err);
	}
	path = o.out ? xstrdup(o.out) : xasprintf("%s.key", argv[first]);
	ok = keys_make(argv[first], &keys, &err) && keys_save(&keys, path, &err) &&
	     show_keys(&keys, path, o.common.format == TABLE_JSON, &err);
	keys_wipe(&keys);
	free(path);
	return ok ? EX_OK : cli_fail(&err);
}

static bool is_public(const char *path)
{
	size_t len = strlen(path);

	return len > 4 && strcmp(path + len - 4, ".pub") == 0;
}

/* Whoever only wants the fingerprint needs no right to the secret. */
static bool is_mine(const char *path, struct err *err)
{
	size_t len = strlen(path);
	bool is_key = len > 4 && strcmp(path + len - 4, ".key") == 0;
	struct stat st;

	if (stat(path, &st) < 0 || st.st_uid == geteuid())
		return true;
	return err_set(err, ERR_NOPERM,
		       _("%s belongs to another user; the .pub file shows the same: tram keys show %.*s.pub"), path,
		       (int)(is_key ? len - 4 : len), path);
}

int cmd_keys_show(int argc, char **argv)
{
	struct keys_options o = {0};
	struct keys keys;
	struct err err;
	int first;
	bool ok;

	switch (options_parse(&show_spec, argc, argv, &o.common, &first, &err)) {
	case OPTIONS_HELPED: return EX_OK;
	case OPTIONS_WRONG: return cli_fail(&err);
	case OPTIONS_GO: break;
	}
	ok = (is_public(argv[first]) ? keys_load_public(argv[first], &keys, &err)
				     : is_mine(argv[first], &err) && keys_load_secret(argv[first], &keys, &err)) &&
	     show_keys(&keys, argv[first], o.common.format == TABLE_JSON, &err);
	keys_wipe(&keys);
	return ok ? EX_OK : cli_fail(&err);
}
