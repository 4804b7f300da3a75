-- SPDX-License-Identifier: Apache-2.0
-- What `tram verify` recomputes the chains from, and who may read all of it.

-- The chain that the epoch before ended with, as HELLO said it: chain_0 is made of it. Null: there was none, or it was
-- not kept (streams made before this).
ALTER TABLE tram.stream ADD previous_chain bytea CHECK (length(previous_chain) = 32);

-- Readers see figures through views, and no more; an auditor reads every row, the bytes handed in too, and writes none.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tram_auditor') THEN
    CREATE ROLE tram_auditor LOGIN;
  END IF;
END $$;

GRANT USAGE ON SCHEMA tram TO tram_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA tram TO tram_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA tram GRANT SELECT ON TABLES TO tram_auditor;
