/* SPDX-License-Identifier: Apache-2.0 */
#include "export.h"
#include "fuzz.h"
#include "media.h"

#include <stdlib.h>
#include <string.h>

/* A header likes a type by so many thousandths; a format is chosen exactly when one is liked. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct media types[] = {{"application", "json", NULL},
					     {"text", "csv", NULL},
					     {"application", "vnd.sdmx.data+csv", "2.0.0"},
					     {"application", "vnd.sdmx.data+json", "2.0.0"},
					     {"application", "openmetrics-text", "1.0.0"}};
	char *accept = malloc(size + 1);
	enum export_format format;
	bool liked = false;

	MUST(accept);
	memcpy(accept, data, size);
	accept[size] = 0;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		int quality = media_quality(accept, &types[i]);

		MUST(quality >= 0 && quality <= 1000);
		liked = liked || quality > 0;
	}
	MUST(export_accept(accept, &format) == liked);
	free(accept);
	return 0;
}
