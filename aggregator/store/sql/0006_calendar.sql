-- SPDX-License-Identifier: Apache-2.0
-- What the catalogue says of days, weights and numbers, so that SQL can work out who owes what and when, and what it weighs.

-- The days that a period of a frequency covers: months count from its first (from) and last (to) month; day 0 is the
-- month's last.
CREATE TABLE tram.calendar_rule (
  calendar   text NOT NULL,
  frequency  "char" NOT NULL CHECK (frequency IN ('A', 'S', 'Q', 'M')),
  from_month integer NOT NULL,
  from_day   integer NOT NULL,
  to_month   integer NOT NULL,
  to_day     integer NOT NULL,
  PRIMARY KEY (calendar, frequency)
);

-- The day by which a report is due: the month counts from the period's last one.
CREATE TABLE tram.due_rule (
  due       text NOT NULL,
  frequency "char" NOT NULL CHECK (frequency IN ('A', 'S', 'Q', 'M')),
  month     integer NOT NULL,
  day       integer NOT NULL,
  PRIMARY KEY (due, frequency)
);

-- Numbers that rules and measurements take from data: RULE.name.
CREATE TABLE tram.parameter (
  parameter text PRIMARY KEY,
  value     bigint NOT NULL
);

-- How much a word and a rule weigh in a score, and what a rule is held against:
--   figure   every figure as it stands
--   value    figures that have a value or parts (a missing one is not assessed)
--   parts    figures with numerator and denominator
--   count    figures of indicators that count whole things
--   revision figures that revise another
--   related  figures on the left of one of the rule's comparisons
--   report   the report itself
--   measured none of them: it is measured (completeness, times, agents)
-- A rule that weighs nothing costs nothing.
ALTER TABLE tram.word ADD weight numeric NOT NULL DEFAULT 1 CHECK (weight >= 0 AND weight < 'Infinity');
ALTER TABLE tram.rule ADD weight numeric NOT NULL DEFAULT 1 CHECK (weight >= 0 AND weight < 'Infinity'),
                      ADD applies_to text NOT NULL DEFAULT 'figure';

GRANT SELECT ON tram.calendar_rule, tram.due_rule, tram.parameter TO tram_writer, tram_reader, tram_admin;
GRANT INSERT, UPDATE, DELETE ON tram.calendar_rule, tram.due_rule, tram.parameter TO tram_admin;
