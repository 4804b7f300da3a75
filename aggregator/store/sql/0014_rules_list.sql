-- SPDX-License-Identifier: Apache-2.0
-- Whoever may read figures may read what they were judged by.
GRANT SELECT ON tram.catalogue_file TO tram_reader;
