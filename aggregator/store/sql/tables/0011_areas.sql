-- SPDX-License-Identifier: Apache-2.0
-- Which provinces were in force on a day is asked by every roll-up.

CREATE INDEX area_of_provinces ON tram.area (valid_from DESC, valid_to, vintage) WHERE level = 'province';
