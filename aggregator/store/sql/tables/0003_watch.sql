-- SPDX-License-Identifier: Apache-2.0
-- What is measured and told while time passes: who was heard, what was announced, scores, how provinces lie beside each
-- other.

-- When an agent was last heard. The aggregator writes it about every half minute; the rows are updated, not appended.
CREATE TABLE tram.liveness (
  agent_no        integer PRIMARY KEY REFERENCES tram.agent,
  heard_at        timestamptz NOT NULL,
  connected_since timestamptz,                    -- null: it is not connected
  software        text NOT NULL DEFAULT '',
  told_at         timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- What was announced already, so that it is announced once: an agent missing since it was last heard, a report late.
CREATE TABLE tram.announced (
  event    text NOT NULL,
  subject  text NOT NULL,
  since    timestamptz NOT NULL,
  told_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (event, subject, since)
);

-- The scores of each day as they were seen on it, under the catalogue of that day: what a trend is drawn from, whatever
-- weights and rules become.
CREATE TABLE tram.score_history (
  day               date NOT NULL,
  area              text NOT NULL,
  word              text NOT NULL,                -- '': all of them
  score             numeric,
  band              text NOT NULL,
  assessed          bigint NOT NULL,
  failing           bigint NOT NULL,
  worst_rule        text,
  worst_cost        numeric,
  from_day          date NOT NULL,
  to_day            date NOT NULL,
  catalogue_version integer NOT NULL,
  kept_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (day, area, word)
);

-- ------------------------------------------------------------------ peers

-- What a judgement knows of other provinces, by numbered cuts: how their figures lie, and which reports others may be copies
-- of. Only appended to, so that what any cut knew can be read at any time.

-- One cut. It counts the figures as they stood with the verdicts verdict_seqs of agents (those that had moved; of all
-- others what the last cut that has them says), and knows rows of cuts after horizon, up to itself.
CREATE TABLE tram.peer_cut (
  cut_no       integer PRIMARY KEY CHECK (cut_no > 0),
  made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  horizon      integer NOT NULL CHECK (horizon BETWEEN 0 AND cut_no),
  agents       integer[] NOT NULL,
  verdict_seqs bigint[] NOT NULL
);

-- Up to which verdict of an agent cuts have looked at what its reports touch.
CREATE TABLE tram.peer_seen (
  agent_no    integer PRIMARY KEY REFERENCES tram.agent,
  verdict_seq bigint NOT NULL
) WITH (fillfactor = 50);

-- How the provinces' figures of a series and period lie, from this cut on. The median is the middle one, of an even number
-- the lower of the two, and so is mad, the median distance from it. Zero is no mode; of values that are stated equally often
-- it is the least. Null: there is none.
CREATE TABLE tram.peer_figures (
  series_no integer NOT NULL,
  period    integer NOT NULL,
  cut_no    integer NOT NULL,
  n         integer NOT NULL,
  median    numeric,
  mad       numeric,
  mode      numeric,
  mode_n    integer NOT NULL,
  PRIMARY KEY (series_no, period, cut_no)
);
CREATE INDEX peer_figures_by_cut ON tram.peer_figures (cut_no);

-- The reports that have a sketch, from this cut on.
CREATE TABLE tram.peer_report (
  agent_no  integer NOT NULL,
  report_no bigint NOT NULL,
  cut_no    integer NOT NULL,
  PRIMARY KEY (agent_no, report_no)
);
CREATE INDEX peer_report_by_cut ON tram.peer_report (cut_no);
