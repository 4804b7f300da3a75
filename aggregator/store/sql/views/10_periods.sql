-- SPDX-License-Identifier: Apache-2.0
-- Periods as people write them, packed as proto/period.h says, and days.

CREATE FUNCTION tram.period_start(period integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN DATE '1900-01-01' + (period >> 10 & 131071);

-- In plpgsql, as a strict function with a CASE in it is not inlined, and one in SQL that is not costs ten times as much. Months,
-- of which roll-ups ask most, come first: plpgsql makes an expression ready anew in every transaction, a CASE with all of its
-- branches.
CREATE FUNCTION tram.period_end(period integer) RETURNS date
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF period >> 27 = 4 THEN
    RETURN (tram.period_start(period) + interval '1 month')::date - 1;
  END IF;
  RETURN CASE period >> 27
    WHEN 1 THEN (tram.period_start(period) + interval '1 year')::date - 1
    WHEN 2 THEN (tram.period_start(period) + interval '6 months')::date - 1
    WHEN 3 THEN (tram.period_start(period) + interval '3 months')::date - 1
    WHEN 5 THEN tram.period_start(period) + 6
    WHEN 6 THEN tram.period_start(period)
    WHEN 7 THEN CASE period >> 8 & 3
      WHEN 0 THEN tram.period_start(period) + (period & 255) - 1
      WHEN 1 THEN tram.period_start(period) + (period & 255) * 7 - 1
      WHEN 2 THEN (tram.period_start(period) + make_interval(months => period & 255))::date - 1
      WHEN 3 THEN (tram.period_start(period) + make_interval(years => period & 255))::date - 1
    END
  END;
END $$;

CREATE FUNCTION tram.date_text(day date) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lpad(extract(year FROM day)::text, 4, '0') || '-' || lpad(extract(month FROM day)::text, 2, '0') || '-' ||
       lpad(extract(day FROM day)::text, 2, '0');

-- Empty for 0, a period that was not understood.
CREATE FUNCTION tram.period_text(period integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF period >> 27 = 4 THEN
    RETURN to_char(tram.period_start(period), 'YYYY-MM');
  END IF;
  RETURN CASE period >> 27
    WHEN 0 THEN ''
    WHEN 1 THEN to_char(tram.period_start(period), 'YYYY')
    WHEN 2 THEN to_char(tram.period_start(period), 'YYYY"-S"') || (extract(month FROM tram.period_start(period))::int + 5) / 6
    WHEN 3 THEN to_char(tram.period_start(period), 'YYYY"-Q"Q')
    WHEN 5 THEN to_char(tram.period_start(period), 'IYYY"-W"IW')
    WHEN 6 THEN tram.date_text(tram.period_start(period))
    WHEN 7 THEN tram.date_text(tram.period_start(period)) || '/P' || (period & 255) ||
                substr('DWMY', (period >> 8 & 3) + 1, 1)
  END;
END $$;

-- A day of the calendar, or null: make_date() would raise.
CREATE FUNCTION tram.civil_date(year integer, month integer, day integer) RETURNS date
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF year BETWEEN 1 AND 9999 AND month BETWEEN 1 AND 12 AND day BETWEEN 1 AND 31 AND
     (day <= 28 OR day <= extract(day FROM (make_date(year, month, 1) + interval '1 month')::date - 1)) THEN
    RETURN make_date(year, month, day);
  END IF;
  RETURN NULL;
END $$;

-- Null for what is no period: exactly the forms of SDMX that proto/period.h reads.
CREATE FUNCTION tram.period_pack(time_period text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p     text[];
  kind  integer;
  first date;
  range_part integer := 0;
BEGIN
  IF time_period ~ '^\d{4}$' THEN
    kind := 1;
    first := tram.civil_date(time_period::integer, 1, 1);
  ELSIF time_period ~ '^\d{4}-S[12]$' THEN
    kind := 2;
    first := tram.civil_date(left(time_period, 4)::integer, right(time_period, 1)::integer * 6 - 5, 1);
  ELSIF time_period ~ '^\d{4}-Q[1-4]$' THEN
    kind := 3;
    first := tram.civil_date(left(time_period, 4)::integer, right(time_period, 1)::integer * 3 - 2, 1);
  ELSIF time_period ~ '^\d{4}-\d\d$' THEN
    kind := 4;
    first := tram.civil_date(left(time_period, 4)::integer, right(time_period, 2)::integer, 1);
  ELSIF time_period ~ '^\d{4}-W\d\d$' THEN
    kind := 5;
    -- Week 1 holds 4 January; a week that belongs to another year is none of this one's.
    first := date_trunc('week', tram.civil_date(left(time_period, 4)::integer, 1, 4)::timestamp)::date +
             (right(time_period, 2)::integer - 1) * 7;
    IF extract(isoyear FROM first) <> left(time_period, 4)::integer THEN
      RETURN NULL;
    END IF;
  ELSIF time_period ~ '^\d{4}-\d\d-\d\d$' THEN
    kind := 6;
    p := string_to_array(time_period, '-');
    first := tram.civil_date(p[1]::integer, p[2]::integer, p[3]::integer);
  ELSIF time_period ~ '^\d{4}-\d\d-\d\d/P[1-9]\d{0,2}[DWMY]$' THEN
    kind := 7;
    p := regexp_match(time_period, '^(\d+)-(\d+)-(\d+)/P(\d+)(.)$');
    first := tram.civil_date(p[1]::integer, p[2]::integer, p[3]::integer);
    IF p[4]::integer > 255 THEN
      RETURN NULL;
    END IF;
    range_part := ((position(p[5] IN 'DWMY') - 1) << 8) | p[4]::integer;
  END IF;
  IF left(time_period, 4) NOT BETWEEN '1900' AND '2258' OR first - DATE '1900-01-01' NOT BETWEEN 0 AND 131071 THEN
    RETURN NULL;
  END IF;
  RETURN (kind << 27) | ((first - DATE '1900-01-01') << 10) | range_part;
END $$;

-- The same period years earlier (or later); null for weeks, days and ranges, which have none.
CREATE FUNCTION tram.period_shift_years(period integer, years integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN period >> 27 BETWEEN 1 AND 4 AND
                 (tram.period_start(period) + make_interval(years => years))::date - DATE '1900-01-01' BETWEEN 0 AND 131071
            THEN ((period >> 27) << 27) |
                 (((tram.period_start(period) + make_interval(years => years))::date - DATE '1900-01-01') << 10) END;

-- The day of a moment where the reports are due.
CREATE FUNCTION tram.local_day(at timestamptz) RETURNS date
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;

-- A day, so many months after the month that begins with first; day 0 is the month's last.
CREATE FUNCTION tram.day_of_month(first date, months integer, day integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE day WHEN 0 THEN (first + make_interval(months => months + 1))::date - 1
                ELSE (first + make_interval(months => months))::date + day - 1 END;

-- A day so many days after another; with working days, Saturdays and Sundays do not count. Holidays are not known.
CREATE FUNCTION tram.days_after(day date, days integer, working boolean) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN days <= 0 OR NOT working THEN day + greatest(days, 0)
            ELSE (SELECT d::date FROM generate_series((day + 1)::timestamp, day + 2 * days + 2, interval '1 day') d
                  WHERE extract(isodow FROM d) < 6 ORDER BY d OFFSET days - 1 LIMIT 1) END;

-- Exactly value * 10^places. (power() has sixteen decimals and no more.)
CREATE FUNCTION tram.shift(value numeric, places integer) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN value * ('1e' || places)::numeric;
