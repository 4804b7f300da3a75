/* SPDX-License-Identifier: Apache-2.0 */
/* The program tram-centre: the centre's commands, which tram hands its command line to. */
#include "centre.h"
#include "lang.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* The language must be settled before anything is said, so --lang is looked for before all else. */
static void heed_language(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--lang=", 7) == 0) {
			setenv("TRAM_LANG", argv[i] + 7, 1);
		} else if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc) {
			setenv("TRAM_LANG", argv[i + 1], 1);
		}
	}
}

int main(int argc, char **argv)
{
	int status;

	heed_language(argc, argv);
	lang_start();
	status = centre_run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "tram: %s\n", _("the output could not be written in full"));
		return status ? status : EX_IOERR;
	}
	return status;
}
