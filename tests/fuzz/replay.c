/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay - hands every file of the folders and files it is given to the fuzzer it is linked with, once. Fails when there
 * is none: a test of nothing is no test.
 */
#include "fuzz.h"

#include <ftw.h>
#include <string.h>

static size_t played;

/* The bytes lie in a block of exactly their size, so that a sanitizer sees one byte too far. */
static int play(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	size_t size = (size_t)st->st_size;
	uint8_t *data;
	FILE *in;

	(void)ftw;
	if (kind != FTW_F) {
		return 0;
	}
	in = fopen(path, "rb");
	data = malloc(size ? size : 1);
	if (!in || !data || fread(data, 1, size, in) != size) {
		perror(path);
		exit(1);
	}
	fclose(in);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	played++;
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (nftw(argv[i], play, 16, FTW_PHYS) != 0) {
			perror(argv[i]);
			return 1;
		}
	}
	fprintf(stderr, "%zu inputs\n", played);
	return played > 0 ? 0 : 1;
}
