/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names - what the centre knows by name, for whoever asks its control socket: `tram tail` refuses to wait for what nobody
 * reports. Pure; any thread.
 */
#ifndef TRAM_NAMES_H
#define TRAM_NAMES_H

#include "arena.h"
#include "catalogue.h"
#include "control.pb-c.h"
#include "roster.h"

#define NAMES_KINDS 6

/* One row a kind, in the arena, with the catalogue's and the roster's own texts; without a catalogue none. Returns how many. */
size_t names_known(struct arena *arena, const struct catalogue *catalogue, const struct roster *roster,
		   Tram__Control__V1__Names ret[static NAMES_KINDS]);

#endif
