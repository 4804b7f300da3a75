-- SPDX-License-Identifier: Apache-2.0
-- Views and functions hold no data: when the text of any of them changes, all are made anew, in one transaction. What others
-- built on them is not ours to drop: it is named, and nothing happens.

DO $$
DECLARE
  v_foreign text;
  v_drop    text;
BEGIN
  SELECT string_agg(DISTINCT c.oid::regclass::text, ', ') INTO v_foreign
  FROM pg_depend d
  JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
  JOIN pg_class c ON c.oid = r.ev_class AND c.relnamespace <> 'tram'::regnamespace
  LEFT JOIN pg_class v ON d.refclassid = 'pg_class'::regclass AND v.oid = d.refobjid AND v.relkind = 'v'
  LEFT JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
  WHERE coalesce(v.relnamespace, p.pronamespace) = 'tram'::regnamespace;
  IF v_foreign IS NOT NULL THEN
    RAISE EXCEPTION 'outside the schema tram there are views built on its views: %', v_foreign
      USING ERRCODE = 'dependent_objects_still_exist', HINT = 'drop them, migrate, and make them again';
  END IF;
  -- All names are read before the first of them is dropped.
  FOREACH v_drop IN ARRAY ARRAY(
    SELECT format('DROP VIEW IF EXISTS %s CASCADE', c.oid::regclass) FROM pg_class c
    WHERE c.relnamespace = 'tram'::regnamespace AND c.relkind = 'v'
    UNION ALL
    SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', p.oid::regprocedure) FROM pg_proc p
    WHERE p.pronamespace = 'tram'::regnamespace
    UNION ALL
    SELECT format('DROP TYPE IF EXISTS %s CASCADE', c.reltype::regtype) FROM pg_class c
    WHERE c.relnamespace = 'tram'::regnamespace AND c.relkind = 'c')
  LOOP
    EXECUTE v_drop;
  END LOOP;
END $$;
