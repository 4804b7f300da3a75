/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_json - a message in the protobuf JSON mapping (lower camel names, enums by name, 64-bit numbers as texts), as
 * `tram submit --from json` reads it. Pure.
 */
#ifndef TRAM_REPORT_JSON_H
#define TRAM_REPORT_JSON_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

/* Members at their default are left out. Caller gives it back with json_decref(). Never NULL. */
json_t *report_json(const ProtobufCMessage *message);

#endif
