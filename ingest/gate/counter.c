/* SPDX-License-Identifier: Apache-2.0 */
#include "counter.h"

#include "lang.h"

#include <stdio.h>

const struct counter_kind counter_table[] = {
#define COUNTER(id, family, cause, help) {family, cause, help},
#include "counter.def"
#undef COUNTER
};

char *counter_name(enum counter_id id, char buf[static COUNTER_NAME_MAX])
{
	const struct counter_kind *kind = &counter_table[id];
	if (kind->cause[0])
		snprintf(buf, COUNTER_NAME_MAX, "%s{cause=\"%s\"}", kind->family, kind->cause);
	else
		snprintf(buf, COUNTER_NAME_MAX, "%s", kind->family);
	return buf;
}
