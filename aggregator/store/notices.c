/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <string.h>

/* What a notification says, by its first word; the rest names what it is about, for people. */
static const struct {
	const char *word;
	enum store_notice notice;
} notices[] = {{"roster", NOTICE_ROSTER},
	       {"catalogue", NOTICE_CATALOGUE},
	       {"verdicts", NOTICE_VERDICTS},
	       {"closings", NOTICE_CLOSINGS}};

static unsigned read_notice(const char *payload)
{
	size_t len = strcspn(payload, " ");

	for (size_t i = 0; i < sizeof notices / sizeof *notices; i++) {
		if (strlen(notices[i].word) == len && strncmp(payload, notices[i].word, len) == 0) {
			return (unsigned)notices[i].notice;
		}
	}
	return 0;
}

enum store_result store_listen(struct store *s, struct err *err)
{
	return connection_run(s, "LISTEN tram", err);
}

int store_fd(const struct store *s)
{
	return PQsocket(s->pg);
}

bool store_hear(struct store *s, unsigned *ret)
{
	bool alive = PQconsumeInput(s->pg);

	*ret = 0;
	for (PGnotify *n; (n = PQnotifies(s->pg)) != NULL; PQfreemem(n)) {
		*ret |= read_notice(n->extra);
	}
	return alive;
}
