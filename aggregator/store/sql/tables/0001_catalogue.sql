-- SPDX-License-Identifier: Apache-2.0
-- The catalogue and the registry as they were loaded, version by version; and the code lists that the programs know.

CREATE SCHEMA IF NOT EXISTS tram;

-- What was done to this database: the tables by number, never altered afterwards; version 0 is the views, remade whole
-- whenever their text changes.
CREATE TABLE tram.schema_migration (
  version    integer PRIMARY KEY,
  name       text NOT NULL,
  digest     bytea NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- ------------------------------------------------------------------ the files, and what is read from them

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
  name_en text NOT NULL,
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
  weight numeric NOT NULL DEFAULT 1 CHECK (weight >= 0 AND weight < 'Infinity')
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
  remedy_en  text NOT NULL,
  weight numeric NOT NULL DEFAULT 1 CHECK (weight >= 0 AND weight < 'Infinity'),
  applies_to text NOT NULL DEFAULT 'figure',
  -- Null: always, and still.
  valid_from date,
  valid_to date
);

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
  word text,
  PRIMARY KEY (catalogue_version, rule)
);

-- Numbers that rules and measurements take from data: RULE.name.
CREATE TABLE tram.parameter (
  parameter text PRIMARY KEY,
  value     bigint NOT NULL
);

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

-- ------------------------------------------------------------------ code lists

-- SDMX's observation status, strongest first: a roll-up has the weakest of what it is made of.
CREATE TABLE tram.obs_status (
  obs_status "char" PRIMARY KEY,
  weakness   smallint NOT NULL UNIQUE,
  name_vi    text NOT NULL,
  name_en    text NOT NULL
);
INSERT INTO tram.obs_status VALUES
  ('A', 1, 'bình thường', 'normal'),
  ('B', 2, 'đứt đoạn chuỗi số liệu', 'break in the series'),
  ('P', 3, 'sơ bộ', 'provisional'),
  ('E', 4, 'ước tính', 'estimated'),
  ('I', 5, 'suy diễn', 'imputed'),
  ('F', 6, 'dự báo', 'forecast'),
  ('M', 7, 'không có giá trị', 'missing');

-- How exact a figure claims to be, strongest first; the numbers are tram.v1.Qualifier's.
CREATE TABLE tram.qualifier (
  qualifier smallint PRIMARY KEY,
  code      text NOT NULL UNIQUE,
  name_vi   text NOT NULL,
  name_en   text NOT NULL
);
INSERT INTO tram.qualifier VALUES
  (0, '', '', ''),
  (1, 'exact', 'đúng bằng', 'exactly'),
  (2, 'at_least', 'ít nhất', 'at least'),
  (3, 'more_than', 'hơn', 'more than'),
  (4, 'at_most', 'nhiều nhất', 'at most'),
  (5, 'nearly', 'gần', 'nearly'),
  (6, 'approx', 'khoảng', 'about');

-- tram.v1.MissingReason.
CREATE TABLE tram.missing_reason (
  missing_reason smallint PRIMARY KEY,
  code           text NOT NULL UNIQUE,
  name_vi        text NOT NULL,
  name_en        text NOT NULL
);
INSERT INTO tram.missing_reason VALUES
  (0, '', '', ''),
  (1, 'not_applicable', 'không áp dụng', 'not applicable'),
  (2, 'not_collected', 'chưa thu thập', 'not collected'),
  (3, 'late', 'chậm', 'late'),
  (4, 'suppressed', 'không công bố', 'suppressed'),
  (5, 'system_down', 'hệ thống ngừng', 'system down');

-- What becomes of a figure: tram.v1.Outcome, and 6 for one that a decision took back.
CREATE TABLE tram.outcome (
  outcome smallint PRIMARY KEY,
  code    text NOT NULL UNIQUE,
  name_vi text NOT NULL,
  name_en text NOT NULL
);
INSERT INTO tram.outcome VALUES
  (1, 'accepted', 'chấp nhận', 'accepted'),
  (2, 'accepted_with_warnings', 'chấp nhận, có cảnh báo', 'accepted with warnings'),
  (3, 'held', 'giữ lại', 'held'),
  (4, 'refused', 'từ chối', 'refused'),
  (5, 'duplicate', 'trùng', 'duplicate'),
  (6, 'withdrawn', 'rút lại', 'withdrawn');

-- How the frequencies are packed (proto/period.h), and their months.
CREATE TABLE tram.frequency (
  frequency "char" PRIMARY KEY,
  kind      integer NOT NULL,
  months    integer NOT NULL
);
INSERT INTO tram.frequency VALUES ('A', 1, 12), ('S', 2, 6), ('Q', 3, 3), ('M', 4, 1);
