/* SPDX-License-Identifier: Apache-2.0 */
#include "lane_own.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lane_stream **lane_stream_slot(struct lane *l, const char *agent)
{
	uint32_t hash = 2166136261u;
	for (const char *c = agent; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	struct lane_stream **s = &l->streams[hash % STREAM_BUCKETS];
	while (*s && strcmp((*s)->agent, agent) != 0)
		s = &(*s)->next;
	return s;
}

struct lane_stream *lane_stream_make(struct lane *l, const char *agent)
{
	struct lane_stream **slot = lane_stream_slot(l, agent);
	if (!*slot) {
		*slot = xcalloc(1, sizeof(**slot));
		snprintf((*slot)->agent, sizeof((*slot)->agent), "%s", agent);
		(*slot)->in.agent = (*slot)->agent;
	}
	return *slot;
}

enum store_result lane_read_watermark(struct lane *l, struct lane_stream *s, struct err *err)
{
	if (s->known)
		return STORE_OK;
	enum store_result result =
	    store_watermark(l->store, s->agent, &s->epoch, &s->in.first_chain, s->verdict_cursor, &s->in.before, err);
	s->known = result == STORE_OK;
	s->reading++;
	return result;
}

void lane_forget_watermarks(struct lane *l)
{
	for (size_t i = 0; i < STREAM_BUCKETS; i++)
		for (struct lane_stream *s = l->streams[i]; s; s = s->next)
			s->known = false;
}

struct refused lane_judge_agent(const struct watermark *w, const uint8_t *signing_public)
{
	switch (w->state) {
	case AGENT_UNKNOWN: return (struct refused){.code = TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_UNKNOWN_AGENT};
	case AGENT_REVOKED: return (struct refused){.code = TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_REVOKED};
	case AGENT_SUSPENDED: return (struct refused){TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BUSY, CAUSE_SUSPENDED};
	case AGENT_ACTIVE: break;
	}
	if (signing_public && memcmp(signing_public, w->signing_public, SIGN_PUBLIC_SIZE) != 0)
		return (struct refused){TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_SIGNATURE, CAUSE_SIGNING_KEY};
	return (struct refused){0};
}

void lane_free_streams(struct lane *l)
{
	for (size_t i = 0; i < STREAM_BUCKETS; i++)
		for (struct lane_stream *s = l->streams[i], *next; s; s = next) {
			next = s->next;
			free(s);
		}
}
