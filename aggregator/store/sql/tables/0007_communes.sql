-- SPDX-License-Identifier: Apache-2.0
-- Figures that are stated for communes, and the one thing of figures that is kept beside history: what a province's communes
-- add up to now. Ten thousand communes cannot be read for each question; 63 rows can.

ALTER TABLE tram.dataflow
  ADD area_level text NOT NULL DEFAULT 'province' CHECK (area_level IN ('province', 'commune'));

-- The nation, regions and provinces are found without reading ten thousand communes.
CREATE INDEX area_without_communes ON tram.area (level) WHERE level <> 'commune';

-- By what subtotals are made, in numbers, as the catalogue had it when it was loaded last.
CREATE TABLE tram.commune (
  area_no     integer NOT NULL,
  valid_from  date NOT NULL,
  valid_to    date NOT NULL,                      -- infinity: still
  province_no integer NOT NULL,
  population  numeric,
  PRIMARY KEY (area_no, valid_from)
);
CREATE INDEX commune_by_province ON tram.commune (province_no);

CREATE TABLE tram.commune_series (
  series_no     integer PRIMARY KEY,
  method        text NOT NULL,                    -- sum, ratio_of_sums, weighted_mean
  weight_series integer                           -- of a mean that another indicator weighs
);

-- How many communes a province has, and how many people live in them, from one change to the next.
CREATE TABLE tram.commune_count (
  province_no integer NOT NULL,
  valid_from  date NOT NULL,
  valid_to    date NOT NULL,
  communes    integer NOT NULL,
  population  numeric,
  PRIMARY KEY (province_no, valid_from)
);

-- One row a province, series and period: counts and sums of its communes' standing figures. All of it is additive, so a
-- change is what was taken out and what is put in, in the transaction that changes a figure.
CREATE TABLE tram.subtotal (
  first_key      bigint NOT NULL,                 -- series and period, as in tram.observation; revision 0
  area_no        integer NOT NULL,                -- of the province
  reporting      integer NOT NULL DEFAULT 0,      -- communes whose figure counts
  not_applicable integer NOT NULL DEFAULT 0,      -- communes that say that there is nothing to count
  held           integer NOT NULL DEFAULT 0,
  demonstration  integer NOT NULL DEFAULT 0,
  value          numeric NOT NULL DEFAULT 0,
  numerator      numeric NOT NULL DEFAULT 0,      -- of a mean: values times weights
  denominator    numeric NOT NULL DEFAULT 0,      -- of a mean: weights
  population     numeric NOT NULL DEFAULT 0,      -- that lives in communes that report or have nothing to count
  statuses       integer[] NOT NULL DEFAULT '{0,0,0,0,0,0,0}', -- communes by tram.obs_status.weakness
  qualifiers     integer[] NOT NULL DEFAULT '{0,0,0,0,0,0,0}', -- communes by tram.qualifier + 1
  PRIMARY KEY (first_key, area_no)
) WITH (fillfactor = 70);

GRANT SELECT ON tram.commune, tram.commune_series, tram.commune_count, tram.subtotal TO tram_writer, tram_admin, tram_auditor;
