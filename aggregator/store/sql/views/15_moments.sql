-- SPDX-License-Identifier: Apache-2.0
-- Settled moments: whatever clocks do and however many write, nothing is committed any more that was known at one.

-- For whoever is about to write figures, first in the transaction: no moment is settled until it ends, and what it writes must
-- be known after this one (microseconds since 1970).
CREATE FUNCTION tram.settled_before() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE tram.settling IN ROW EXCLUSIVE MODE;
  RETURN (SELECT s.last_value FROM tram.settled s);
END $$;
COMMENT ON FUNCTION tram.settled_before() IS
  'Begins a transaction that writes figures: the latest settled moment, in microseconds since 1970, after which they are known.';

-- The same, with the newest closing (0: none). What is written after was judged by it, or must be judged again: a closing
-- becomes visible while nobody writes (tram.hold_writers()), and the second statement sees what was committed before the first
-- one had its lock.
CREATE FUNCTION tram.begin_figures(OUT settled_us bigint, OUT closing_no bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  settled_us := tram.settled_before();
  closing_no := (SELECT coalesce(max(c.closing_no), 0) FROM tram.closing c);
END $$;
COMMENT ON FUNCTION tram.begin_figures() IS
  'Begins a transaction that writes figures which were judged: the latest settled moment, and the newest closing';

-- Keeps all others from writing figures until the transaction ends, which must be at once: one that is left open is cut off.
-- False: those that write now did not come to an end, and nobody is kept.
CREATE FUNCTION tram.hold_writers() RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  v_wait_ms integer;
BEGIN
  FOREACH v_wait_ms IN ARRAY ARRAY[50, 100, 200, 400, 400] LOOP
    PERFORM set_config('lock_timeout', v_wait_ms || 'ms', true);
    BEGIN
      LOCK TABLE tram.settling IN EXCLUSIVE MODE;
      PERFORM set_config('idle_in_transaction_session_timeout', '2s', true);
      RETURN true;
    EXCEPTION WHEN lock_not_available THEN
      PERFORM pg_sleep(0.05);
    END;
  END LOOP;
  RETURN false;
END $$;

-- Waits for those that write figures now; those that come meanwhile wait for it, and no longer: the lock is given back with
-- the block that took it, which ends by an exception, and what the sequence was set to stays. It asks for the lock for a
-- moment, lets others pass, and asks for longer, so that a transaction that does not end holds up nobody but itself. One that
-- is not older than max_age does as well. Whoever reads by it must see what was committed until now.
CREATE FUNCTION tram.settled_moment(max_age interval DEFAULT '0') RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  v_us     bigint := (SELECT s.last_value FROM tram.settled s);
  v_now_us bigint := extract(epoch FROM clock_timestamp()) * 1000000;
  v_wait_ms integer;
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'a moment cannot be settled for a snapshot that was taken before' USING
      ERRCODE = 'active_sql_transaction', HINT = 'begin the transaction with ISOLATION LEVEL READ COMMITTED';
  END IF;
  IF v_now_us - v_us BETWEEN 0 AND extract(epoch FROM settled_moment.max_age) * 1000000 - 1 THEN
    RETURN timestamptz 'epoch' + v_us * interval '1 microsecond';
  END IF;
  FOREACH v_wait_ms IN ARRAY ARRAY[50, 100, 200, 400, 400, 400, 400] LOOP
    PERFORM set_config('lock_timeout', v_wait_ms || 'ms', true);
    BEGIN
      LOCK TABLE tram.settling IN EXCLUSIVE MODE;
      v_us := (SELECT greatest(s.last_value + 1, v_now_us) FROM tram.settled s);
      PERFORM setval('tram.settled', v_us);
      RAISE EXCEPTION 'settled' USING ERRCODE = 'TR002';
    EXCEPTION
      WHEN SQLSTATE 'TR002' THEN
        RETURN timestamptz 'epoch' + v_us * interval '1 microsecond';
      WHEN lock_not_available THEN
        PERFORM pg_sleep(0.05);
    END;
  END LOOP;
  RAISE EXCEPTION 'figures are being written, and did not come to an end within 2 s' USING
    ERRCODE = 'lock_not_available', HINT = 'ask again';
END $$;
COMMENT ON FUNCTION tram.settled_moment(interval) IS
  'A moment, now, at and before which nothing becomes known any more: for closings, and for reading on from it.';

REVOKE EXECUTE ON FUNCTION tram.settled_before(), tram.begin_figures(), tram.hold_writers(), tram.settled_moment(interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.settled_before(), tram.begin_figures() TO tram_writer, tram_operator;
GRANT EXECUTE ON FUNCTION tram.settled_moment(interval) TO tram_operator, tram_auditor;
