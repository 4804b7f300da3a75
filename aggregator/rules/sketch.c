/* SPDX-License-Identifier: Apache-2.0 */
#include "sketch.h"

#include <endian.h>
#include <string.h>

#define BANDS_FINE                                                                                                     \
	4 /* bands of two digits; the others are of one, which more reports share: they ask for more hashes */
#define HASHES_MOST 3

static unsigned hashes_of(unsigned band)
{
	return band < BANDS_FINE ? 2 : HASHES_MOST;
}

/* splitmix64's finalizer. */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

static uint64_t hash_text(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211); /* FNV-1a */
	return mix(h);
}

/* ---------------------------------------------------------------- leading digits */

static const int64_t tens[] = {1,
			       10,
			       100,
			       1000,
			       10000,
			       100000,
			       1000000,
			       10000000,
			       100000000,
			       1000000000,
			       10000000000,
			       100000000000,
			       1000000000000,
			       10000000000000,
			       100000000000000,
			       1000000000000000,
			       10000000000000000,
			       100000000000000000,
			       1000000000000000000};

static int count_digits(int64_t m)
{
	int n = 1;
	while (n < DECIMAL_DIGITS_MAX && m >= tens[n])
		n++;
	return n;
}

/* The value rounded half up to so many digits, with its sign and magnitude, as one number. Not for zero. */
static uint64_t leading(struct decimal d, int digits)
{
	int64_t m = d.mantissa < 0 ? -d.mantissa : d.mantissa;
	int n = count_digits(m), magnitude = n - d.scale;
	m = n > digits ? (m + tens[n - digits] / 2) / tens[n - digits] : m * tens[digits - n];
	if (m == tens[digits]) {
		m /= 10;
		magnitude++;
	}
	return (uint64_t)m << 16 | (uint64_t)(uint8_t)magnitude << 1 | (d.mantissa < 0);
}

/* ---------------------------------------------------------------- bands */

struct minima {
	uint64_t of[SKETCH_BANDS][HASHES_MOST];
};

static void add_item(struct minima *m, unsigned first, unsigned end, uint64_t item)
{
	for (unsigned band = first; band < end; band++)
		for (unsigned i = 0; i < hashes_of(band); i++) {
			uint64_t h = mix(item ^ mix(band * HASHES_MOST + i));
			if (h < m->of[band][i])
				m->of[band][i] = h;
		}
}

static void add_figure(struct minima *m, const struct figure *f, struct decimal value)
{
	uint64_t series = hash_text(hash_text(UINT64_C(14695981039346656037), f->indicator->code), f->dimensions);
	add_item(m, 0, BANDS_FINE, mix(series ^ leading(value, 2)));
	add_item(m, BANDS_FINE, SKETCH_BANDS, mix(series ^ leading(value, 1)));
}

/* What stands for the figure; false: nothing, or zero. */
static bool value_of(const struct figure *f, struct decimal *ret)
{
	if (!f->storable || !(f->has_value || (f->has_numerator && f->has_denominator)))
		return false;
	*ret = f->has_value ? f->value : f->numerator;
	return ret->mantissa != 0;
}

static bool is_asked_for(const struct judgement *j, size_t i, enum sketched which)
{
	return which == SKETCH_STATED || j->outcomes[i] == OUTCOME_ACCEPTED || j->outcomes[i] == OUTCOME_WARNED;
}

struct sketch sketch_of(const struct judgement *j, enum sketched which, uint32_t at_least)
{
	struct sketch s = {0};
	struct minima m;
	uint32_t n = 0;
	memset(&m, 0xff, sizeof(m));
	for (size_t i = 0; i < j->n; i++) {
		struct decimal value;
		if (!is_asked_for(j, i, which) || !value_of(&j->figures[i], &value))
			continue;
		add_figure(&m, &j->figures[i], value);
		n++;
	}
	s.there = n > 0 && n >= at_least;
	for (unsigned band = 0; band < SKETCH_BANDS && s.there; band++) {
		uint64_t h = hash_text(band, j->dataflow->code);
		for (unsigned i = 0; i < hashes_of(band); i++)
			h = mix(h ^ m.of[band][i]);
		s.bands[band] = h;
	}
	return s;
}

void sketch_write(const struct sketch *s, uint8_t ret[static SKETCH_BYTES])
{
	for (unsigned i = 0; i < SKETCH_BANDS; i++) {
		uint64_t big = htobe64(s->bands[i]);
		memcpy(ret + 8 * i, &big, 8);
	}
}

struct sketch sketch_read(const uint8_t bytes[static SKETCH_BYTES])
{
	struct sketch s = {.there = true};
	for (unsigned i = 0; i < SKETCH_BANDS; i++) {
		uint64_t big;
		memcpy(&big, bytes + 8 * i, 8);
		s.bands[i] = be64toh(big);
	}
	return s;
}

unsigned sketch_shared(const struct sketch *a, const struct sketch *b)
{
	unsigned n = 0;
	for (unsigned i = 0; i < SKETCH_BANDS && a->there && b->there; i++)
		n += a->bands[i] == b->bands[i];
	return n;
}

/* ---------------------------------------------------------------- figure by figure */

/* Rounded half away from zero to so many decimals, which may be less than none. */
static struct decimal round_to(struct decimal d, int scale)
{
	if (scale >= 0)
		return decimal_round(d, (uint8_t)(scale < d.scale ? scale : d.scale));
	d = decimal_round(d, 0);
	if (-scale > DECIMAL_DIGITS_MAX)
		return (struct decimal){0};
	int64_t unit = tens[-scale], half = d.mantissa < 0 ? -(unit / 2) : unit / 2;
	return (struct decimal){.mantissa = (d.mantissa + half) / unit};
}

bool sketch_same(struct decimal a, int scale_a, struct decimal b, int scale_b)
{
	int scale = scale_a < scale_b ? scale_a : scale_b;
	return decimal_compare(round_to(a, scale), round_to(b, scale)) == 0;
}
