/* SPDX-License-Identifier: Apache-2.0 */
/*
 * media - how much the header Accept of an HTTP request likes a media type (RFC 9110, 12.5.1). Pure; any bytes may stand in
 * the header, and what is no media range in it says nothing.
 */
#ifndef TRAM_MEDIA_H
#define TRAM_MEDIA_H

struct media {
	const char *type, *subtype;
	const char *version; /* its parameter; NULL: it has none */
};

/* In thousandths, 0: not at all. The most specific range that fits decides. NULL and "": everything is liked. */
int media_quality(const char *accept, const struct media *media);

#endif
