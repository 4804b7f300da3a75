-- SPDX-License-Identifier: Apache-2.0
-- Moments that are settled, and how to find what became known since one.

-- The latest moment that was given out as settled, in microseconds since 1970: see tram.settled_moment(). A sequence, as that
-- is seen by everybody at once, and outlives the transaction that asked.
CREATE SEQUENCE tram.settled AS bigint MINVALUE 0 START WITH 0;

-- Nothing is ever in it: it is there to be locked. Whoever writes figures holds it in common, whoever settles a moment for
-- himself alone. (An advisory lock could be taken by anyone who may connect.)
CREATE TABLE tram.settling ();

-- History is appended, so what lies together became known together. Only who asks for greatest(known_at, known_at) gets these
-- indexes: those who ask what was known by then, which is nearly all, are not offered them.
CREATE INDEX observation_by_known ON tram.observation USING brin (greatest(known_at, known_at)) WITH (autosummarize = on);
CREATE INDEX decision_by_time ON tram.decision (greatest(decided_at, decided_at));

-- What was announced besides the catalogue's published figures, who said so and where. Its numbers begin behind theirs.
CREATE TABLE tram.announced_figure (
  figure_no    integer GENERATED ALWAYS AS IDENTITY (START WITH 100001) PRIMARY KEY,
  indicator    text NOT NULL,
  time_period  text NOT NULL,
  level        text NOT NULL CHECK (level IN ('nation', 'region', 'province')),
  area         text NOT NULL,
  boundary     text NOT NULL,                       -- vintage of the units; '': in force at the period's end
  value        numeric CHECK (value > '-Infinity' AND value < 'Infinity'),
  numerator    numeric CHECK (numerator > '-Infinity' AND numerator < 'Infinity'),
  denominator  numeric CHECK (denominator > '-Infinity' AND denominator < 'Infinity'),
  unit         text NOT NULL,
  unit_mult    integer NOT NULL CHECK (unit_mult BETWEEN -18 AND 18),
  qualifier    text NOT NULL,
  announced_on date NOT NULL,
  said_by      text NOT NULL,
  source       text NOT NULL,
  quote        text NOT NULL,
  added_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  added_by     text NOT NULL,
  added_as     text NOT NULL DEFAULT session_user,
  CHECK (value IS NOT NULL OR numerator IS NOT NULL AND denominator IS NOT NULL)
);
ALTER TABLE tram.published_figure ADD CHECK (figure_no <= 100000);

-- Up to which verdict of an agent announcements were looked at.
CREATE TABLE tram.claim_seen (
  agent_no    integer PRIMARY KEY REFERENCES tram.agent,
  verdict_seq bigint NOT NULL
) WITH (fillfactor = 50);
