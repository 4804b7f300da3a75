-- SPDX-License-Identifier: Apache-2.0
-- The store. Everything the aggregator writes is appended by COPY; the only rows ever updated are the
-- watermarks (tram.stream, tram.agent). Current values and roll-ups are read from history (0002).

CREATE SCHEMA IF NOT EXISTS tram;

CREATE TABLE tram.schema_migration (
  version    integer PRIMARY KEY,
  name       text NOT NULL,
  digest     bytea NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- ------------------------------------------------------------------ catalogue and registry

-- A catalogue version is the reviewed files, kept whole; the tables below it are read from them.
CREATE TABLE tram.catalogue (
  version   integer PRIMARY KEY CHECK (version > 0),
  digest    bytea NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  loaded_by text NOT NULL DEFAULT session_user,
  note      text NOT NULL DEFAULT ''
);

CREATE TABLE tram.catalogue_file (
  version integer NOT NULL REFERENCES tram.catalogue,
  name    text NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (version, name)
);

-- Numbers given once and never again, so that keys stay small: an area or a series keeps its number for ever.
CREATE TABLE tram.area_number (
  area_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  area    text NOT NULL UNIQUE                    -- vintage/code: 63/46
);

-- SDMX's series key without the area: indicator and dimensions ("" or "SEX=F;...", ids sorted).
-- series_no has 19 bits in tram.observation.key.
CREATE TABLE tram.series (
  series_no  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (series_no BETWEEN 1 AND 524287),
  indicator  text NOT NULL,
  dimensions text NOT NULL DEFAULT '',
  UNIQUE (indicator, dimensions)
);

-- The dated history of areas: an area's identity is vintage and code, stable while name or rank changes.
CREATE TABLE tram.area (
  area          text NOT NULL,
  area_no       integer NOT NULL REFERENCES tram.area_number,
  level         text NOT NULL CHECK (level IN ('nation', 'region', 'province', 'commune')),
  vintage       text NOT NULL DEFAULT '',
  code          text NOT NULL DEFAULT '',
  parent        text NOT NULL DEFAULT '',
  valid_from    date NOT NULL,
  valid_to      date,
  name_vi       text NOT NULL,
  short_name_vi text NOT NULL,
  name_en       text NOT NULL,
  kind          text NOT NULL,
  iso_3166_2    text NOT NULL DEFAULT '',
  coastal       boolean,
  population    numeric,                          -- reference population, for coverage by weight
  PRIMARY KEY (area, valid_from),
  CHECK (valid_to IS NULL OR valid_to >= valid_from)
);

CREATE TABLE tram.area_succession (
  predecessor    text NOT NULL,
  successor      text NOT NULL,
  effective_date date NOT NULL,
  PRIMARY KEY (predecessor, successor)
);

CREATE TABLE tram.dataflow (
  dataflow    text PRIMARY KEY,
  name_vi     text NOT NULL,
  name_en     text NOT NULL,
  provided_by text NOT NULL CHECK (provided_by IN ('province', 'centre')),
  frequencies text NOT NULL,
  calendar    text NOT NULL,
  due         text NOT NULL,
  valid_from  date NOT NULL,
  valid_to    date
);

CREATE TABLE tram.indicator (
  indicator          text PRIMARY KEY,
  dataflow           text NOT NULL REFERENCES tram.dataflow,
  name_vi            text NOT NULL,
  name_en            text NOT NULL,
  value_type         text NOT NULL,
  unit               text NOT NULL,
  unit_vi            text NOT NULL,
  display_unit_mult  integer NOT NULL,
  display_decimals   integer NOT NULL,
  is_integer         boolean NOT NULL,
  min_value          numeric,
  max_value          numeric,
  kind               text NOT NULL,
  over_area          text NOT NULL,
  over_time          text NOT NULL,
  mean_weight        text NOT NULL DEFAULT '',
  coverage_weight    text NOT NULL DEFAULT '',
  derives_from       text NOT NULL DEFAULT '',
  dimensions         text NOT NULL DEFAULT '',    -- that a figure may be broken down by: SEX|AGE
  denominator_vi     text NOT NULL DEFAULT '',
  frequencies        text NOT NULL,
  mandatory          boolean NOT NULL,
  max_age_days       integer NOT NULL,
  source_system      text NOT NULL DEFAULT '',
  valid_from         date NOT NULL,
  valid_to           date,
  notes              text NOT NULL DEFAULT ''
);

CREATE TABLE tram.provider (
  provider text PRIMARY KEY,
  kind     text NOT NULL CHECK (kind IN ('province', 'centre')),
  area     text NOT NULL,
  name_vi  text NOT NULL,
  name_en  text NOT NULL,
  agent    text NOT NULL
);

CREATE TABLE tram.word (
  word_no smallint PRIMARY KEY,
  word    text NOT NULL UNIQUE,
  name_vi text NOT NULL,
  name_en text NOT NULL
);

CREATE TABLE tram.rule (
  rule       text PRIMARY KEY,                    -- DUNG-07
  word       text NOT NULL,
  severity   "char" NOT NULL,                     -- B, J, W, I
  title_vi   text NOT NULL,                       -- what the rule asks for
  title_en   text NOT NULL,
  message_vi text NOT NULL,                       -- what is wrong when it is not so
  message_en text NOT NULL,
  remedy_vi  text NOT NULL,
  remedy_en  text NOT NULL
);

-- What was announced in public, with the exact quote.
CREATE TABLE tram.published_figure (
  figure_no      integer PRIMARY KEY,
  indicator      text NOT NULL,
  time_period    text NOT NULL,
  reference_date date NOT NULL,
  value          numeric,
  numerator      numeric,
  denominator    numeric,
  rank_out_of    integer,
  unit           text NOT NULL,
  unit_mult      integer NOT NULL,
  qualifier      text NOT NULL,
  obs_status     text NOT NULL,
  announced_on   date NOT NULL,
  source         text NOT NULL,
  quote_vi       text NOT NULL
);

-- ------------------------------------------------------------------ agents and their streams

CREATE TABLE tram.agent (
  agent_no    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (agent_no > 0),
  agent       text NOT NULL UNIQUE CHECK (agent ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
  verdict_seq bigint NOT NULL DEFAULT 0,          -- last verdict given; moved by compare-and-set
  added_at    timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- Public keys on the roster. A row is never deleted: a state is superseded by a later row.
CREATE TABLE tram.agent_key (
  agent_key_no  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_no      integer NOT NULL REFERENCES tram.agent,
  curve_public  text NOT NULL CHECK (length(curve_public) = 40),     -- Z85
  signing_public bytea NOT NULL CHECK (length(signing_public) = 32), -- Ed25519
  state         text NOT NULL CHECK (state IN ('active', 'suspended', 'revoked')),
  changed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_by    text NOT NULL DEFAULT session_user,
  reason        text NOT NULL DEFAULT ''
);

-- One epoch of one agent's outbox and how far it is committed: the watermark.
CREATE TABLE tram.stream (
  stream_no      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (stream_no BETWEEN 1 AND 8388607),
  agent          text NOT NULL,
  agent_no       integer NOT NULL REFERENCES tram.agent,
  epoch          text NOT NULL CHECK (epoch ~ '^[0-9a-f]{32}$'),
  seq            bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
  chain          bytea NOT NULL CHECK (length(chain) = 32),
  first_chain    bytea NOT NULL CHECK (length(first_chain) = 32),    -- chain_0
  previous_epoch text NOT NULL DEFAULT '',
  started_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (agent_no, epoch)
) WITH (fillfactor = 50);

-- ------------------------------------------------------------------ what arrived

-- report_no = stream_no << 40 | seq.

-- The bytes as they came, with the header and the signature over it: what `tram verify` reads.
-- first_seq and last_seq are the header's; from_seq is the first report that this row newly committed (the ones
-- before it were an overlap), so report seq is in the row with the greatest from_seq <= seq.
CREATE TABLE tram.batch (
  stream_no   integer NOT NULL,
  from_seq    bigint NOT NULL,
  first_seq   bigint NOT NULL,
  last_seq    bigint NOT NULL,
  agent_no    integer NOT NULL,
  codec       smallint NOT NULL,
  received_at timestamptz NOT NULL,
  prev_chain  bytea NOT NULL,
  chain       bytea NOT NULL,
  signature   bytea NOT NULL,
  key_id      bytea NOT NULL,
  payload     bytea NOT NULL,
  PRIMARY KEY (agent_no, stream_no, from_seq)
);
ALTER TABLE tram.batch ALTER payload SET STORAGE EXTERNAL;

CREATE TABLE tram.report (
  report_no         bigint NOT NULL,
  handed_in_at      timestamptz NOT NULL,         -- the agent's clock
  received_at       timestamptz NOT NULL,
  known_at          timestamptz NOT NULL,         -- committed with
  agent_no          integer NOT NULL,
  catalogue_version integer NOT NULL,             -- that judged it
  period            integer NOT NULL,             -- packed, see tram.period_text; 0: not understood
  period_from       date,
  period_to         date,
  reference_date    date,
  observations      integer NOT NULL,
  purpose           "char" NOT NULL,              -- R, B, C
  demonstration     boolean NOT NULL,
  digest            bytea NOT NULL,
  provider          text NOT NULL,
  dataflow          text NOT NULL,
  time_period       text NOT NULL,
  reason            text NOT NULL,
  prepared_by       text NOT NULL,
  prepared_at       timestamptz,
  approved_by       text NOT NULL,
  approved_at       timestamptz,
  comment           text NOT NULL,
  software          text NOT NULL,
  PRIMARY KEY (agent_no, report_no)
);
CREATE INDEX report_by_period ON tram.report (dataflow, period, provider);

-- A report that could not be read or stored. The watermark has moved past it; the bytes are in tram.batch.
CREATE TABLE tram.poison (
  report_no   bigint NOT NULL,
  agent_no    integer NOT NULL,
  received_at timestamptz NOT NULL,
  known_at    timestamptz NOT NULL,
  digest      bytea NOT NULL,
  cause       text NOT NULL,
  PRIMARY KEY (agent_no, report_no)
);

-- Every figure ever stored, once. key = series_no << 44 | period << 14 | revision: the natural key, so that one
-- index serves uniqueness, "all revisions of a figure" and "the figure of every area". Values are in the
-- catalogue's unit, unit multiplier applied. (NaN sorts above Infinity, so the checks shut it out too.)
CREATE TABLE tram.observation (
  key            bigint NOT NULL CHECK (key > 0),
  report_no      bigint NOT NULL,
  known_at       timestamptz NOT NULL,
  area_no        integer NOT NULL,
  line           integer NOT NULL,                -- position in the report, from 1
  rank_out_of    integer NOT NULL,                -- 0: none
  outcome        smallint NOT NULL,               -- as first judged: 1 accepted, 2 with warnings, 3 held
  qualifier      smallint NOT NULL,
  missing_reason smallint NOT NULL,               -- 0: there is a value
  flags          smallint NOT NULL,               -- 1 withdrawn (tombstone), 2 demonstration, 4 justified
  obs_status     "char" NOT NULL,
  value          numeric,
  numerator      numeric,
  denominator    numeric,
  weight         numeric,
  PRIMARY KEY (area_no, key),
  CHECK (value > '-Infinity' AND value < 'Infinity'),
  CHECK (numerator > '-Infinity' AND numerator < 'Infinity'),
  CHECK (denominator > '-Infinity' AND denominator < 'Infinity'),
  CHECK (weight > '-Infinity' AND weight < 'Infinity')
);

-- For the quarantine: the few that were held at first.
CREATE INDEX observation_held ON tram.observation (area_no, key) WHERE outcome = 3;

-- What only some observations carry.
CREATE TABLE tram.observation_note (
  key                bigint NOT NULL,
  area_no            integer NOT NULL,
  source_system      text NOT NULL,
  justification_code text NOT NULL,
  justification      text NOT NULL,
  comment            text NOT NULL,
  PRIMARY KEY (area_no, key)
);

-- What became of an observation after its first outcome. Append-only; the latest decides.
CREATE TABLE tram.decision (
  decision_no bigint GENERATED ALWAYS AS IDENTITY,
  area_no     integer NOT NULL,
  key         bigint NOT NULL,
  decision    text NOT NULL CHECK (decision IN ('released', 'refused', 'held', 'withdrawn')),
  decided_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  decided_by  text NOT NULL,
  rule        text NOT NULL DEFAULT '',
  reason      text NOT NULL,
  PRIMARY KEY (area_no, key, decision_no)
);

-- ------------------------------------------------------------------ what was said of it

CREATE TABLE tram.report_finding (
  report_no bigint NOT NULL,
  agent_no  integer NOT NULL,
  finding_no integer NOT NULL,                    -- within the report, from 1
  line      integer NOT NULL,                     -- observation, from 1; 0: the report
  severity  "char" NOT NULL,
  rule      text NOT NULL,
  indicator text NOT NULL,                        -- as stated, known or not
  ref_area  text NOT NULL,                        -- as stated, known or not
  field     text NOT NULL,
  found     text NOT NULL,
  expected  text NOT NULL,
  PRIMARY KEY (agent_no, report_no, finding_no)
);

CREATE TABLE tram.verdict (
  verdict_seq       bigint NOT NULL,
  report_no         bigint NOT NULL,
  known_at          timestamptz NOT NULL,
  agent_no          integer NOT NULL,
  catalogue_version integer NOT NULL,
  words             text NOT NULL,                -- one letter a word, in word_no order: P pass, W warn, H held, F fail
  cause             text NOT NULL,                -- received, released, refused ...
  outcomes          bytea NOT NULL,               -- one byte an observation: tram.v1.Outcome
  PRIMARY KEY (agent_no, verdict_seq)
);

-- ------------------------------------------------------------------ roles

DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['tram_writer', 'tram_reader', 'tram_admin'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', r);
    END IF;
  END LOOP;
END $$;

GRANT USAGE ON SCHEMA tram TO tram_writer, tram_reader, tram_admin;
GRANT SELECT ON ALL TABLES IN SCHEMA tram TO tram_writer, tram_admin;
GRANT INSERT ON tram.series, tram.stream, tram.batch, tram.report, tram.poison, tram.observation,
                tram.observation_note, tram.report_finding, tram.verdict TO tram_writer;
GRANT UPDATE (seq, chain, updated_at) ON tram.stream TO tram_writer;
GRANT UPDATE (verdict_seq) ON tram.agent TO tram_writer;
GRANT INSERT ON tram.agent, tram.agent_key, tram.decision, tram.verdict, tram.catalogue, tram.catalogue_file,
                tram.area_number, tram.series TO tram_admin;
GRANT UPDATE (verdict_seq) ON tram.agent TO tram_admin;
GRANT INSERT, UPDATE, DELETE ON tram.area, tram.area_succession, tram.dataflow, tram.indicator, tram.provider,
                tram.word, tram.rule, tram.published_figure TO tram_admin;
