/* SPDX-License-Identifier: Apache-2.0 */
#include "outfile.h"

#include "fsx.h"
#include "lang.h"

#include <string.h>

bool outfile_open(struct outfile *out, const char *path, struct err *err)
{
	*out = (struct outfile){.path = path && strcmp(path, "-") != 0 ? path : NULL};
	if (out->path)
		out->file = fsx_begin(out->path, 0644, &out->temporary, err);
	else if (!(out->file = tmpfile()))
		err_set_errno(err, ERR_CANTCREAT, _("cannot make a temporary file"));
	return out->file != NULL;
}

static bool copy_to_stdout(FILE *file)
{
	char piece[16384];
	size_t n;

	if (fflush(file) != 0 || fseek(file, 0, SEEK_SET) != 0)
		return false;
	while ((n = fread(piece, 1, sizeof piece, file)) > 0)
		if (fwrite(piece, 1, n, stdout) != n)
			return false;
	return !ferror(file) && fflush(stdout) == 0;
}

bool outfile_finish(struct outfile *out, struct err *err)
{
	bool done;

	if (out->path)
		return fsx_finish(out->file, out->path, out->temporary, err);
	done = copy_to_stdout(out->file) || err_set(err, ERR_IO, _("the output could not be written in full"));
	fclose(out->file);
	return done;
}

void outfile_abandon(struct outfile *out)
{
	if (out->path)
		fsx_abandon(out->file, out->temporary);
	else
		fclose(out->file);
}
