/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SDMX-JSON 2.0 data message. Figures come first and the structures that explain their indexes behind them, which JSON
 * allows: so rows are written as they come and only what they name is kept. Every dimension is at the observation; a data set
 * is a run of rows of one dataflow.
 *
 * A figure is of SDMX's type Decimal, which the format writes as a text: every digit survives readers that take numbers for
 * binary ones.
 */
#include "clock.h"
#include "mem.h"
#include "sdmx.h"
#include "writer.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA                                                                                                         \
	"https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/data-message/tools/schemas/2.0.0/"                \
	"sdmx-json-data-schema.json"
#define SENDER_VI "Trạm, Trung tâm tiếp nhận dữ liệu"
#define SENDER_EN "Trạm, the centre that takes in data"

struct code {
	char *code, *vi, *en; /* names may be NULL */
};

struct codes {
	struct code *list;
	size_t n, room;
	size_t last; /* where the last one was found */
};

struct flow {
	char *dataflow, *vi, *en;
	struct codes codes[SDMX_COMPONENTS];
	size_t *sets, n_sets;
};

struct message {
	struct flow *flows;
	size_t n_flows, flow; /* the one that is being written */
	size_t n_sets;
	bool any_observation; /* in this data set */
};

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

/* ---------------------------------------------------------------- what occurred */

/* Rows come in order, so the next code is nearly always the last one or the one behind it. */
static size_t find_code(struct codes *c, const char *code)
{
	for (size_t i = 0; i < c->n; i++) {
		size_t at = (c->last + i) % c->n;

		if (strcmp(c->list[at].code, code) == 0) {
			return c->last = at;
		}
	}
	return c->n;
}

static size_t number_of(struct codes *c, const char *code, struct sdmx_names names)
{
	size_t at = find_code(c, code);

	if (at < c->n) {
		return at;
	}
	if (c->n == c->room) {
		c->room = c->room ? 2 * c->room : 8;
		c->list = xreallocarray(c->list, c->room, sizeof *c->list);
	}
	c->list[at] = (struct code){xstrdup(code), copy(names.vi), copy(names.en)};
	c->n++;
	return c->last = at;
}

static size_t flow_of(struct message *m, const struct rollup_row *row)
{
	size_t i = 0;

	while (i < m->n_flows && strcmp(m->flows[i].dataflow, row->dataflow) != 0) {
		i++;
	}
	if (i == m->n_flows) {
		m->flows = xreallocarray(m->flows, ++m->n_flows, sizeof *m->flows);
		m->flows[i] = (struct flow){.dataflow = xstrdup(row->dataflow),
					    .vi = xstrdup(row->dataflow_vi),
					    .en = xstrdup(row->dataflow_en)};
	}
	return i;
}

/* ---------------------------------------------------------------- rows */

static void print_json(FILE *out, json_t *json)
{
	int failed = json_dumpf(json, out, JSON_COMPACT | JSON_ENCODE_ANY);

	assert(json && failed == 0); /* the store has UTF-8 alone, and the way to the sink does not fail */
	json_decref(json);
}

static void print_urn(FILE *out, const char *dataflow)
{
	fprintf(out, "\"links\":[{\"rel\":\"dataflow\",\"urn\":");
	print_json(out, json_sprintf("urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=%s:%s(%s)", SDMX_AGENCY,
				     dataflow, SDMX_VERSION));
	fputs("}]", out);
}

static void begin(struct export *e)
{
	char prepared[CLOCK_TEXT];

	e->state = xcalloc(1, sizeof(struct message));
	fputs("{\"meta\":", e->out);
	print_json(e->out, json_pack("{s:s, s:o, s:s, s:[s,s], s:{s:s, s:s, s:{s:s, s:s}}}", "schema", SCHEMA, "id",
				     json_sprintf("%s-%" PRId64, e->meta.level, e->meta.prepared_us), "prepared",
				     clock_text_rfc3339(e->meta.prepared_us, prepared), "contentLanguages",
				     e->meta.in_vietnamese ? "vi" : "en", e->meta.in_vietnamese ? "en" : "vi", "sender",
				     "id", SDMX_AGENCY, "name", e->meta.in_vietnamese ? SENDER_VI : SENDER_EN, "names",
				     "vi", SENDER_VI, "en", SENDER_EN));
	fputs(",\n\"data\":{\"dataSets\":[", e->out);
}

static void close_set(struct export *e)
{
	const struct message *m = e->state;

	fputs(m->n_sets ? "}}" : "", e->out);
}

static void open_set(struct export *e, size_t flow)
{
	struct message *m = e->state;
	struct flow *f = &m->flows[flow];
	char known[CLOCK_TEXT];

	close_set(e);
	fprintf(e->out, "%s\n{\"structure\":%zu,\"action\":\"Information\",", m->n_sets ? "," : "", flow);
	if (e->meta.as_of_us != INT64_MAX) {
		clock_text_rfc3339(e->meta.as_of_us, known);
		fprintf(e->out, "\"validFrom\":\"%s\",\"validTo\":\"%s\",", known, known);
	}
	print_urn(e->out, f->dataflow);
	fputs(",\"observations\":{", e->out);
	f->sets = xreallocarray(f->sets, f->n_sets + 1, sizeof *f->sets);
	f->sets[f->n_sets++] = m->n_sets++;
	m->flow = flow;
	m->any_observation = false;
}

static void print_cell(FILE *out, enum sdmx_type type, const char *text)
{
	if (!text || !*text) {
		fputs("null", out);
	} else if (type == SDMX_WHOLE || type == SDMX_FLAG) {
		fputs(text, out);
	} else {
		print_json(out, json_string(text));
	}
}

static void print_component(struct export *e, struct flow *f, size_t i, const struct rollup_row *row)
{
	const struct sdmx_component *c = &sdmx_components[i];
	char buf[SDMX_BUFFER];
	const char *text = c->text(row, buf);

	if (c->place == SDMX_DIMENSION) {
		fprintf(e->out, "%s%zu", i ? ":" : "", number_of(&f->codes[i], text ? text : "", c->names(row)));
	} else if (c->type == SDMX_CODED && text && *text) {
		fprintf(e->out, "%zu", number_of(&f->codes[i], text, c->names(row)));
	} else {
		print_cell(e->out, c->type, text);
	}
}

static void row(struct export *e, const struct rollup_row *r)
{
	struct message *m = e->state;
	size_t flow = flow_of(m, r);

	if (m->n_sets == 0 || flow != m->flow) {
		open_set(e, flow);
	}
	fputs(m->any_observation ? ",\n\"" : "\n\"", e->out);
	m->any_observation = true;
	for (size_t i = 0; i < SDMX_COMPONENTS; i++) {
		bool is_first = i > 0 && sdmx_components[i - 1].place == SDMX_DIMENSION;

		if (sdmx_components[i].place != SDMX_DIMENSION) {
			fputs(is_first ? "\":[" : ",", e->out);
		}
		print_component(e, &m->flows[flow], i, r);
	}
	fputc(']', e->out);
}

/* ---------------------------------------------------------------- structures */

static json_t *names_of(const struct export *e, const char *vi, const char *en, const char **ret_best)
{
	*ret_best = e->meta.in_vietnamese ? vi : en;
	return json_pack("{s:s, s:s}", "vi", vi, "en", en);
}

static bool is_sdmx_id(const char *code)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@$-";

	return *code && strspn(code, allowed) == strlen(code);
}

static json_t *value_json(const struct export *e, const struct sdmx_component *c, const struct code *code)
{
	bool is_id = c->type == SDMX_CODED && is_sdmx_id(code->code);
	json_t *value = json_pack("{s:s}", is_id ? "id" : "value", code->code);
	const char *best;

	if (code->vi && code->en) {
		json_object_set_new(value, "names", names_of(e, code->vi, code->en, &best));
		json_object_set_new(value, "name", json_string(best));
	}
	return value;
}

static json_t *relationship(const struct sdmx_component *c)
{
	return c->relation == SDMX_INDICATOR ? json_pack("{s:[s]}", "dimensions", "INDICATOR")
					     : json_pack("{s:{}}", "observation");
}

static void set_format(json_t *json, const struct sdmx_component *c)
{
	static const char *const types[] = {
	    [SDMX_CODED] = NULL,        [SDMX_TEXT] = "String",   [SDMX_TIME] = "ObservationalTimePeriod",
	    [SDMX_DECIMAL] = "Decimal", [SDMX_WHOLE] = "Integer", [SDMX_FLAG] = "Boolean",
	    [SDMX_MOMENT] = "DateTime"};

	if (types[c->type]) {
		json_object_set_new(json, "format", json_pack("{s:s}", "dataType", types[c->type]));
	}
}

static json_t *component_json(const struct export *e, size_t i, const struct codes *codes)
{
	const struct sdmx_component *c = &sdmx_components[i];
	json_t *json = json_pack("{s:s}", "id", c->id), *values = json_array();
	const char *best;

	json_object_set_new(json, "descriptions", names_of(e, c->vi, c->en, &best));
	json_object_set_new(json, "description", json_string(best));
	set_format(json, c);
	if (c->place == SDMX_DIMENSION) {
		json_object_set_new(json, "keyPosition", json_integer((json_int_t)i));
		json_object_set_new(json, "roles", json_pack("[s]", c->id));
	} else if (c->place == SDMX_ATTRIBUTE) {
		json_object_set_new(json, "relationship", relationship(c));
	}
	for (size_t k = 0; k < codes->n; k++) {
		json_array_append_new(values, value_json(e, c, &codes->list[k]));
	}
	if (codes->n) {
		json_object_set(json, "values", values);
	}
	json_decref(values);
	return json;
}

static json_t *components_json(const struct export *e, enum sdmx_place place, const struct flow *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < SDMX_COMPONENTS; i++) {
		if (sdmx_components[i].place == place) {
			json_array_append_new(list, component_json(e, i, &f->codes[i]));
		}
	}
	return json_pack("{s:o}", "observation", list);
}

static void print_structure(struct export *e, const struct flow *f)
{
	json_t *sets = json_array();
	const char *best;

	for (size_t i = 0; i < f->n_sets; i++) {
		json_array_append_new(sets, json_integer((json_int_t)f->sets[i]));
	}
	fputs("\n{", e->out);
	print_urn(e->out, f->dataflow);
	fputs(",\"dataSets\":", e->out);
	print_json(e->out, sets);
	fputs(",\"names\":", e->out);
	print_json(e->out, names_of(e, f->vi, f->en, &best));
	fputs(",\"name\":", e->out);
	print_json(e->out, json_string(best));
	fputs(",\n\"dimensions\":", e->out);
	print_json(e->out, components_json(e, SDMX_DIMENSION, f));
	fputs(",\n\"measures\":", e->out);
	print_json(e->out, components_json(e, SDMX_MEASURE, f));
	fputs(",\n\"attributes\":", e->out);
	print_json(e->out, components_json(e, SDMX_ATTRIBUTE, f));
	fputc('}', e->out);
}

static void end(struct export *e)
{
	const struct message *m = e->state;

	close_set(e);
	fputs("],\n\"structures\":[", e->out);
	for (size_t i = 0; i < m->n_flows; i++) {
		fputs(i ? "," : "", e->out);
		print_structure(e, &m->flows[i]);
	}
	fputs("]}}\n", e->out);
}

/* ---------------------------------------------------------------- freeing */

static void free_codes(struct codes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->list[i].code);
		free(c->list[i].vi);
		free(c->list[i].en);
	}
	free(c->list);
}

static void done(struct export *e)
{
	struct message *m = e->state;

	for (size_t i = 0; i < m->n_flows; i++) {
		for (size_t k = 0; k < SDMX_COMPONENTS; k++) {
			free_codes(&m->flows[i].codes[k]);
		}
		free(m->flows[i].dataflow);
		free(m->flows[i].vi);
		free(m->flows[i].en);
		free(m->flows[i].sets);
	}
	free(m->flows);
	free(m);
}

const struct writer sdmx_json_writer = {begin, row, end, done};
