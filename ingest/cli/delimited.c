/* SPDX-License-Identifier: Apache-2.0 */
#include "delimited.h"

size_t delimited_length(uint64_t len, uint8_t ret[static DELIMITED_LENGTH_MAX])
{
	size_t n = 0;

	for (; len >= 0x80; len >>= 7)
		ret[n++] = (uint8_t)(len | 0x80);
	ret[n++] = (uint8_t)len;
	return n;
}

bool delimited_next(const uint8_t **at, size_t *left, const uint8_t **ret, size_t *ret_len)
{
	uint64_t len = 0;
	size_t n = 0;

	for (int shift = 0; shift < 64 && n < *left; shift += 7) {
		uint8_t byte = (*at)[n++];

		len |= (uint64_t)(byte & 0x7f) << shift;
		if (byte >= 0x80)
			continue;
		if (len > *left - n)
			return false;
		*ret = *at + n;
		*ret_len = (size_t)len;
		*at += n + (size_t)len;
		*left -= n + (size_t)len;
		return true;
	}
	return false;
}

bool delimited_is(const uint8_t *bytes, size_t len)
{
	const uint8_t *message;
	size_t n;

	while (len > 0)
		if (!delimited_next(&bytes, &len, &message, &n))
			return false;
	return true;
}
