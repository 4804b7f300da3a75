/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_status - what the agent says of itself: one table of fields, which `tram status` shows as they come.
 */
#ifndef TRAM_AGENT_STATUS_H
#define TRAM_AGENT_STATUS_H

#include "agent_settings.h"
#include "courier.h"
#include "outbox.h"

#include "control.pb-c.h"

/* In the arena. NULL when it does not fit. */
Tram__Control__V1__Status *agent_status(struct arena *a, const struct agent_settings *settings, struct outbox *outbox,
					const struct courier *courier);

/* "offline because …", in the process's language, for systemd and people. Returns buf. */
char *agent_status_line(const struct courier *courier, char *buf, size_t size);

/* Why a report cannot be judged now, or the stream is not going: cause, remedy and the centre's own words. */
char *agent_status_why(enum cause_id cause, const char *centre_vi, const char *centre_en, char *buf, size_t size);

#endif
