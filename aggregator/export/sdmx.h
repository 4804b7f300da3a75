/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sdmx - a roll-up in the terms of SDMX: the components of sdmx.def, and what a row says of each. Both SDMX formats are made
 * of this.
 *
 * An area is named as everywhere in Trạm, 63/46: the same code may belong to another province in another vintage, so the
 * vintage is part of the dimension. As an identifier of SDMX has no "/", REF_AREA is a text with names and not a code list.
 */
#ifndef TRAM_SDMX_H
#define TRAM_SDMX_H

#include "store_centre.h"

enum sdmx_place { SDMX_DIMENSION, SDMX_MEASURE, SDMX_ATTRIBUTE };
enum sdmx_type { SDMX_CODED, SDMX_TEXT, SDMX_TIME, SDMX_DECIMAL, SDMX_WHOLE, SDMX_FLAG, SDMX_MOMENT };
enum sdmx_relation { SDMX_OBSERVATION, SDMX_INDICATOR };

#define SDMX_BUFFER 32

struct sdmx_names {
	const char *vi, *en;
};

struct sdmx_component {
	const char *id;
	enum sdmx_place place;
	enum sdmx_type type;
	enum sdmx_relation relation;
	const char *(*text)(const struct rollup_row *row, char buf[static SDMX_BUFFER]); /* NULL: nothing */
	struct sdmx_names (*names)(const struct rollup_row *row); /* both NULL where it has none */
	const char *en, *vi;
};

#define COMPONENT(id, place, type, relation, text, names, en, vi) SDMX_AT_##id,
enum {
#include "sdmx.def"
	SDMX_COMPONENTS
};
#undef COMPONENT

extern const struct sdmx_component sdmx_components[SDMX_COMPONENTS];

/* Who maintains the dataflows, and their version: VN:public_services(1.0). */
#define SDMX_AGENCY  "VN"
#define SDMX_VERSION "1.0"

#endif
