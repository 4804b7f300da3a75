-- SPDX-License-Identifier: Apache-2.0
-- The store. What the aggregator writes of reports is appended by COPY; the only rows ever updated are the watermarks
-- (tram.stream, tram.agent). Current values and roll-ups are read from history (views/).

-- ------------------------------------------------------------------ agents and their streams

CREATE TABLE tram.agent (
  agent_no    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (agent_no > 0),
  agent       text NOT NULL UNIQUE CHECK (agent ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
  verdict_seq bigint NOT NULL DEFAULT 0,          -- last verdict given; moved by compare-and-set
  added_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- tram.agent_key keeps the history; the newest row of it is repeated here, written in the same transaction. Whoever
  -- moves an agent's verdicts does so only while it is active and the key that signed is the present one, so that nothing
  -- of an agent is committed once its revocation is.
  state text NOT NULL DEFAULT 'suspended' CHECK (state IN ('active', 'suspended', 'revoked')),
  curve_public text CHECK (length(curve_public) = 40),
  signing_public bytea CHECK (length(signing_public) = 32)
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
  -- The chain that the epoch before ended with, as HELLO said it: chain_0 is made of it. Null: there was none, or it was
  -- not kept (streams made before this).
  previous_chain bytea CHECK (length(previous_chain) = 32),
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
  -- The report of another epoch of the same agent that this one is: the same bytes, handed in at the same time. It
  -- states nothing. Null: it is none.
  repeats bigint,
  justification_code text NOT NULL DEFAULT '',
  justification text NOT NULL DEFAULT '',
  -- What a report states, for peer cuts: the series of the figures that are stored of it, and the sketch of those that were
  -- accepted (null: too few to be told from others).
  series integer[],
  sketch bytea CHECK (length(sketch) = 64),
  PRIMARY KEY (agent_no, report_no)
);
CREATE INDEX report_by_period ON tram.report (dataflow, period, provider);

-- By time first, so that what is written together lies together.
CREATE INDEX report_by_hand_in ON tram.report (agent_no, handed_in_at, digest, report_no);

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
  -- 0: not stated.
  units_reporting bigint NOT NULL DEFAULT 0,
  units_expected bigint NOT NULL DEFAULT 0,
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
  -- The verdict that tells the province of it, by which a decision has its place among all that happened to the agent. Null:
  -- made before there were such. decided_by is the name that was given; decided_as, who was connected.
  verdict_seq bigint,
  decided_as text NOT NULL DEFAULT session_user,
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

-- For what was refused; there are few.
CREATE INDEX report_finding_refused ON tram.report_finding (agent_no, report_no) WHERE severity = 'B';

CREATE TABLE tram.verdict (
  verdict_seq       bigint NOT NULL,
  report_no         bigint NOT NULL,
  known_at          timestamptz NOT NULL,
  agent_no          integer NOT NULL,
  catalogue_version integer NOT NULL,
  words             text NOT NULL,                -- one letter a word, in word_no order: P pass, W warn, H held, F fail
  cause             text NOT NULL,                -- received, released, refused ...
  outcomes          bytea NOT NULL,               -- one byte an observation: tram.v1.Outcome
  -- The peer cut that the lane had when it gave the verdict; 0: none.
  peer_cut integer NOT NULL DEFAULT 0,
  -- Of a verdict whose cause is a decision.
  decided_by text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  PRIMARY KEY (agent_no, verdict_seq)
);
CREATE INDEX verdict_by_report ON tram.verdict (agent_no, report_no, verdict_seq);
