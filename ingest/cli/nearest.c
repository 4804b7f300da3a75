/* SPDX-License-Identifier: Apache-2.0 */
#include "nearest.h"

#include "text.h"

#include <ctype.h>
#include <string.h>

static void lower(const char *s, char buf[static TEXT_DISTANCE_MAX + 1])
{
	size_t n = 0;

	for (; s[n] && n < TEXT_DISTANCE_MAX; n++)
		buf[n] = (char)tolower((unsigned char)s[n]);
	buf[n] = 0;
}

/* A third of the letters may be wrong, and always one; beyond that a suggestion only misleads. */
struct nearest nearest_to(const char *word)
{
	return (struct nearest){.word = word, .distance = strnlen(word, TEXT_DISTANCE_MAX) / 3 + 2};
}

void nearest_try(struct nearest *near, const char *candidate)
{
	char a[TEXT_DISTANCE_MAX + 1], b[TEXT_DISTANCE_MAX + 1];
	size_t distance;

	if (!*candidate)
		return;
	lower(near->word, a);
	lower(candidate, b);
	distance = text_distance(a, b);
	if (distance < near->distance) {
		near->distance = distance;
		near->found = candidate;
	}
}
