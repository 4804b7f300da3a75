-- SPDX-License-Identifier: Apache-2.0
-- Rules as data: when each is in force, what it compares, and the texts that a catalogue gave it.

-- Null: always, and still.
ALTER TABLE tram.rule ADD valid_from date, ADD valid_to date;

-- The texts that a version of the catalogue gave a rule. A verdict is told in the words of the version that made it, so
-- rows are never changed. A rule without a row has the program's own texts.
CREATE TABLE tram.rule_text (
  catalogue_version integer NOT NULL REFERENCES tram.catalogue (version),
  rule              text NOT NULL,
  title_vi          text NOT NULL,
  title_en          text NOT NULL,
  message_vi        text NOT NULL,
  message_en        text NOT NULL,
  remedy_vi         text NOT NULL,
  remedy_en         text NOT NULL,
  PRIMARY KEY (catalogue_version, rule)
);

-- Comparisons of indicators: left operator right.
CREATE TABLE tram.cross_rule (
  code              text PRIMARY KEY,
  rule              text NOT NULL,
  left_side         text NOT NULL,
  operator          text NOT NULL,
  right_side        text NOT NULL,                -- a + b - 2 c[-1]
  tolerance         numeric NOT NULL,             -- in the unit
  tolerance_percent numeric NOT NULL,             -- of the right side
  missing           text NOT NULL,
  severity          "char" NOT NULL,
  valid_from        date,
  valid_to          date,
  note_vi           text NOT NULL,
  note_en           text NOT NULL
);

-- Figures that were published elsewhere, and what is compared with them.
CREATE TABLE tram.reference (
  reference  text NOT NULL,
  area       text NOT NULL,
  valid_from date NOT NULL,
  valid_to   date,
  value      numeric NOT NULL,
  unit       text NOT NULL,
  source     text NOT NULL,
  PRIMARY KEY (reference, area, valid_from)
);

CREATE TABLE tram.reference_rule (
  indicator         text NOT NULL,
  field             text NOT NULL,
  reference         text NOT NULL,
  operator          text NOT NULL,
  tolerance_percent numeric NOT NULL,
  severity          "char" NOT NULL,
  PRIMARY KEY (indicator, field, reference, operator)
);

-- Why a figure that looks wrong is right.
CREATE TABLE tram.justification_code (
  code       text PRIMARY KEY,
  name_vi    text NOT NULL,
  name_en    text NOT NULL,
  needs_text boolean NOT NULL
);

GRANT SELECT ON tram.rule_text, tram.cross_rule, tram.reference, tram.reference_rule, tram.justification_code
  TO tram_writer, tram_reader, tram_admin;
GRANT INSERT ON tram.rule_text TO tram_admin;
GRANT INSERT, UPDATE, DELETE ON tram.cross_rule, tram.reference, tram.reference_rule, tram.justification_code TO tram_admin;
