/* SPDX-License-Identifier: Apache-2.0 */
#include "session_core.h"

#include "mem.h"
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct refusal_kind {
	Tram__V1__RefusalCode code;
	uint32_t retry_ms;
	const char *vi, *en;
};

static const struct refusal_kind refusals[] = {
#define REFUSAL(id, cause, code, retry_ms, telling, vi, en)                                                            \
	{TRAM__V1__REFUSAL_CODE__REFUSAL_CODE_##code, retry_ms, vi, en},
#include "refusal.def"
#undef REFUSAL
};

/* ---------------------------------------------------------------- the queue */

struct session_action *add_action(struct session_core *c, enum session_action_kind kind, const char *agent)
{
	if (c->n_actions == c->actions_room) {
		c->actions_room = c->actions_room ? c->actions_room * 2 : 16;
		c->actions = xreallocarray(c->actions, c->actions_room, sizeof(*c->actions));
	}
	struct session_action *a = &c->actions[c->n_actions++];
	*a = (struct session_action){.kind = kind};
	snprintf(a->agent, sizeof(a->agent), "%s", agent);
	return a;
}

bool session_next(struct session_core *c, struct session_action *ret)
{
	if (c->first_action == c->n_actions) {
		c->first_action = c->n_actions = 0;
		return false;
	}
	*ret = c->actions[c->first_action++];
	return true;
}

void session_action_clear(struct session_action *action)
{
	free(action->data);
	action->data = NULL;
}

/* ---------------------------------------------------------------- messages and jobs */

static void add_send(struct session_core *c, const char *agent, uint64_t peer, uint64_t session,
		     Tram__V1__Envelope__BodyCase type, void *body)
{
	struct session_action *a = add_action(c, SESSION_SEND, agent);
	a->peer = peer;
	a->session = session;
	a->data = codec_pack_envelope(type, body, &a->len);
}

void send_to(struct session_core *c, const struct agent *a, uint64_t peer, uint64_t session,
	     Tram__V1__Envelope__BodyCase type, void *body)
{
	add_send(c, a->id, peer, session, type, body);
}

static void put_position(const struct session_result *r, Tram__V1__Position *ret)
{
	/* protobuf-c wants them writable; packing does not write. */
	ret->epoch = (ProtobufCBinaryData){EPOCH_SIZE, (uint8_t *)(uintptr_t)r->epoch.bytes};
	ret->seq = r->seq;
	ret->chain = (ProtobufCBinaryData){DIGEST_SIZE, (uint8_t *)(uintptr_t)r->chain.bytes};
}

void refuse(struct session_core *c, const char *agent, uint64_t peer, uint64_t session, enum refusal_id why,
	    const struct refusal_of *of)
{
	const struct refusal_kind *kind = &refusals[why];
	Tram__V1__Refusal refusal = TRAM__V1__REFUSAL__INIT;
	Tram__V1__Position at = TRAM__V1__POSITION__INIT;
	refusal.session = session;
	refusal.code = kind->code;
	refusal.message_vi = (char *)(uintptr_t)kind->vi;
	refusal.message_en = (char *)(uintptr_t)kind->en;
	refusal.retry_after_ms = kind->retry_ms;
	refusal.answers = of->answers;
	refusal.check_id = of->check_id;
	if (of->at) {
		put_position(of->at, &at);
		refusal.at = &at;
	}
	count(c->counters, COUNTER_REFUSED_SUPERSEDED + why);
	add_send(c, agent, peer, session, TRAM__V1__ENVELOPE__BODY_REFUSAL, &refusal);
}

static enum refusal_id refusal_of_code(Tram__V1__RefusalCode code)
{
	for (size_t i = 0; i < REFUSAL_KINDS; i++)
		if (refusals[i].code == code)
			return (enum refusal_id)i;
	return REFUSAL_BUSY;
}

enum refusal_id refusal_of_result(const struct session_result *r)
{
	switch (r->cause) {
	case SESSION_CAUSE_SUSPENDED: return REFUSAL_SUSPENDED;
	case SESSION_CAUSE_SIGNING_KEY: return REFUSAL_SIGNING_KEY;
	case SESSION_CAUSE_TOO_MANY_EPOCHS: return REFUSAL_TOO_MANY_EPOCHS;
	case SESSION_CAUSE_STORE_FAILED: return REFUSAL_STORE_FAILED;
	case SESSION_CAUSE_OF_CODE: break;
	}
	return refusal_of_code(r->refusal);
}

struct session_action *add_job(struct session_core *c, const struct agent *a, enum session_job job, const void *data,
			       size_t len)
{
	struct session_action *action = add_action(c, SESSION_JOB, a->id);
	action->job = job;
	action->lane = a->lane;
	action->session = a->session;
	action->peer = a->peer;
	if (data) {
		action->data = xmemdup(data, len);
		action->len = len;
	}
	return action;
}

/* ---------------------------------------------------------------- events */

struct session_action *add_event(struct session_core *c, enum event_id id, const char *agent)
{
	struct session_action *a = add_action(c, SESSION_EVENT, agent);
	a->event = id;
	return a;
}

void copy_plain(char *to, const char *from)
{
	size_t n = 0;
	for (; from[n] && n < SESSION_FIELD_TEXT - 1; n++)
		to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
	to[n] = '\0';
}

static char *add_field(struct session_action *event, const char *name)
{
	assert(event->n_fields < SESSION_FIELDS_MAX);
	struct session_field *f = &event->fields[event->n_fields++];
	f->name = name;
	return f->value;
}

void field_text(struct session_action *event, const char *name, const char *value)
{
	copy_plain(add_field(event, name), value);
}

void field_number(struct session_action *event, const char *name, uint64_t value)
{
	snprintf(add_field(event, name), SESSION_FIELD_TEXT, "%" PRIu64, value);
}

void field_hex(struct session_action *event, const char *name, const void *data, size_t len)
{
	assert(2 * len < SESSION_FIELD_TEXT);
	text_hex(data, len, add_field(event, name));
}
