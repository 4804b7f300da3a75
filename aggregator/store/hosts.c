/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts.h"
#include "mem.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static size_t count(const char *list)
{
	size_t n = 1;

	while (list && (list = strchr(list, ',')) != NULL) {
		list++;
		n++;
	}
	return n;
}

/* a,b,c from 1 on: b,c,a. A list of one holds for all, and stays. */
static char *turn(const char *list, size_t first)
{
	const char *cut = list;

	if (!list || first == 0 || count(list) == 1) {
		return NULL;
	}
	for (; first > 0; first--) {
		cut = strchr(cut, ',') + 1;
	}
	return xasprintf("%s,%.*s", cut, (int)(cut - list - 1), list);
}

static const char *option(const PQconninfoOption *options, const char *name)
{
	for (; options->keyword; options++) {
		if (strcmp(options->keyword, name) == 0) {
			return options->val && *options->val ? options->val : NULL;
		}
	}
	return NULL;
}

struct hosts hosts_from(const char *conninfo, size_t first)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	struct hosts h = {0};

	if (options) {
		const char *host = option(options, "host"), *hostaddr = option(options, "hostaddr");

		h.n = count(hostaddr ? hostaddr : host);
		h.host = turn(host, first % h.n);
		h.hostaddr = turn(hostaddr, first % h.n);
		h.port = turn(option(options, "port"), first % h.n);
	}
	PQconninfoFree(options);
	return h;
}

void hosts_clear(struct hosts *h)
{
	free(h->host);
	free(h->hostaddr);
	free(h->port);
	*h = (struct hosts){0};
}
