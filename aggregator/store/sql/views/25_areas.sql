-- SPDX-License-Identifier: Apache-2.0
-- Which areas are expected to report, and what they count for; and how a period is made of shorter ones.

-- What every roll-up asks is asked in plpgsql here, which keeps the plan: a function in SQL that is not inlined, and none that
-- has a SELECT in it is, is planned at every call.

-- The vintage of the provinces in force on a day.
CREATE FUNCTION tram.vintage_on(day date) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN (SELECT a.vintage FROM tram.area a
          WHERE a.level = 'province' AND a.valid_from <= vintage_on.day AND coalesce(a.valid_to, 'infinity') >= vintage_on.day
          ORDER BY a.valid_from DESC LIMIT 1);
END $$;

-- The provinces of a vintage that are in force on a day, and their units at a level.
CREATE FUNCTION tram.areas_in_force(day date, level text, vintage text)
RETURNS TABLE (unit text, area_no integer, area text, counts_for text, valid_from date, valid_to date, population numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE areas_in_force.level WHEN 'nation' THEN 'VN' WHEN 'region' THEN a.parent ELSE a.area END, a.area_no, a.area,
         a.area, a.valid_from, a.valid_to, a.population
  FROM tram.area a
  WHERE a.level = 'province' AND a.valid_from <= areas_in_force.day AND coalesce(a.valid_to, 'infinity') >= areas_in_force.day
    AND a.vintage = areas_in_force.vintage
$$;

-- A vintage as people ask for one: by itself, or by a day, for the one that was in force on it. '?': none was, or there is no
-- such day.
CREATE FUNCTION tram.vintage_asked(boundary text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN boundary ~ '^\d{4}-\d\d-\d\d$'
            THEN coalesce(tram.vintage_on(tram.period_start(tram.period_pack(boundary))), '?')
            ELSE boundary END;

-- The other words of a question: each is what it should be, or an error says what is wrong with it.
CREATE FUNCTION tram.period_asked(period text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  v_period integer := tram.period_pack(period_asked.period);
BEGIN
  IF v_period IS NULL THEN
    RAISE EXCEPTION '% is not a time period', period_asked.period USING ERRCODE = 'invalid_parameter_value',
      HINT = 'write 2024, 2024-S1, 2024-Q2, 2024-06, 2024-W05, 2024-06-14 or 2018-01-01/P7Y';
  END IF;
  RETURN v_period;
END $$;

CREATE FUNCTION tram.check_indicator(indicator text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM tram.indicator i WHERE i.indicator = check_indicator.indicator) THEN
    RAISE EXCEPTION 'no indicator % in the catalogue', check_indicator.indicator USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT indicator FROM tram.indicator lists them';
  END IF;
END $$;

CREATE FUNCTION tram.check_dataflow(dataflow text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM tram.dataflow d WHERE d.dataflow = check_dataflow.dataflow) THEN
    RAISE EXCEPTION 'no dataflow % in the catalogue', check_dataflow.dataflow USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT dataflow FROM tram.dataflow lists them';
  END IF;
END $$;

CREATE FUNCTION tram.check_level(level text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  IF coalesce(check_level.level NOT IN ('nation', 'region', 'province'), true) THEN
    RAISE EXCEPTION '% is not a level', check_level.level USING ERRCODE = 'invalid_parameter_value',
      HINT = 'nation, region or province';
  END IF;
END $$;

-- The areas that are in force on any day from first to last, from when to when, and what each counts for: counts_for, the
-- area in force on the last day (itself, or its successor), and unit, which is in the units of a vintage (itself or its
-- successor), its region, or the nation.
CREATE FUNCTION tram.expected_areas(first date, last date, level text, boundary text)
RETURNS TABLE (unit text, area_no integer, area text, counts_for text, valid_from date, valid_to date, population numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_in_force text := tram.vintage_on(expected_areas.last);
BEGIN
  IF expected_areas.first = expected_areas.last AND expected_areas.boundary = v_in_force THEN
    RETURN QUERY SELECT * FROM tram.areas_in_force(expected_areas.last, expected_areas.level, v_in_force);
    RETURN;
  END IF;
  RETURN QUERY
  SELECT CASE expected_areas.level WHEN 'nation' THEN 'VN' WHEN 'region' THEN u.parent ELSE u.area END, a.area_no, a.area, c.area,
         a.valid_from, a.valid_to, a.population
  FROM (SELECT DISTINCT ON (a.area_no) a.area_no, a.area, a.vintage, a.population, min(a.valid_from) OVER w AS valid_from,
               max(coalesce(a.valid_to, 'infinity')) OVER w AS valid_to
        FROM tram.area a
        WHERE a.level = 'province' AND a.valid_from <= expected_areas.last
          AND coalesce(a.valid_to, 'infinity') >= expected_areas.first
        WINDOW w AS (PARTITION BY a.area_no)
        ORDER BY a.area_no, a.valid_from DESC) a
  LEFT JOIN tram.area_succession s ON s.predecessor = a.area AND (a.vintage <> v_in_force OR a.vintage <> expected_areas.boundary)
  JOIN LATERAL (
    SELECT t.area FROM tram.area t
    WHERE t.area = CASE a.vintage WHEN v_in_force THEN a.area ELSE s.successor END AND t.vintage = v_in_force LIMIT 1) c ON true
  JOIN LATERAL (
    SELECT t.area, t.parent FROM tram.area t
    WHERE t.area = CASE a.vintage WHEN expected_areas.boundary THEN a.area ELSE s.successor END
      AND t.vintage = expected_areas.boundary
    ORDER BY t.valid_from <= expected_areas.last DESC, abs(t.valid_from - expected_areas.last) LIMIT 1) u ON true;
END $$;

-- Are an indicator's figures stated for communes?
CREATE FUNCTION tram.is_of_communes(dataflow text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM tram.dataflow d WHERE d.dataflow = is_of_communes.dataflow AND d.area_level = 'commune');
END $$;

-- The areas for which an indicator's figures are expected: as above, or of each of these the communes, which count for
-- themselves.
CREATE FUNCTION tram.expected_for(dataflow text, first date, last date, level text, boundary text)
RETURNS TABLE (unit text, area_no integer, area text, counts_for text, valid_from date, valid_to date, population numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
#variable_conflict use_column
BEGIN
  IF NOT tram.is_of_communes(expected_for.dataflow) THEN
    RETURN QUERY SELECT * FROM tram.expected_areas(expected_for.first, expected_for.last, expected_for.level, expected_for.boundary);
    RETURN;
  END IF;
  RETURN QUERY
  SELECT e.unit, c.area_no, n.area, n.area, c.valid_from, c.valid_to, c.population
  FROM tram.expected_areas(expected_for.first, expected_for.last, expected_for.level, expected_for.boundary) e
  JOIN tram.commune c ON c.province_no = e.area_no AND c.valid_from <= expected_for.last AND c.valid_to >= expected_for.first
  JOIN tram.area_number n ON n.area_no = c.area_no;
END $$;

-- Of figures that only the nation (or another single area) states, the units are those areas themselves.
CREATE FUNCTION tram.stating_areas(level text, boundary text)
RETURNS TABLE (unit text, area_no integer, area text, counts_for text, valid_from date, valid_to date, population numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT DISTINCT a.area, a.area_no, a.area, a.area, '-infinity'::date, 'infinity'::date, NULL::numeric FROM tram.area a
  WHERE a.level = stating_areas.level AND (a.level = 'nation' OR a.vintage = stating_areas.boundary)
$$;

-- The names of areas as people know them in a period, by commas; of a province of whose communes some are missing
-- (63/46:5/8, tram.missing_of_province) also how many.
CREATE FUNCTION tram.area_names(areas text[], time_period text, language text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(string_agg(CASE area_names.language
                               WHEN 'vi' THEN a.short_name_vi || coalesce(' (' || asked.part || ' đơn vị cấp xã)', '')
                               ELSE a.name_en || coalesce(' (' || replace(asked.part, '/', ' of ') || ' communes)', '') END,
                             ', ' ORDER BY asked.place), '')
  FROM (SELECT split_part(u.told, ':', 1) AS area, nullif(split_part(u.told, ':', 2), '') AS part, u.place
        FROM unnest(area_names.areas) WITH ORDINALITY u(told, place)) asked
  CROSS JOIN LATERAL (
    SELECT a.short_name_vi, a.name_en FROM tram.area a, tram.period_end(tram.period_pack(area_names.time_period)) last
    WHERE a.area = asked.area ORDER BY a.valid_from <= last DESC, abs(a.valid_from - last) LIMIT 1) a
$$;

-- ------------------------------------------------------------------ periods within periods

-- The frequencies of an indicator that are finer than a period's own and divide it, the finest last: a year is made of
-- halves, quarters, months and days, a week of days.
CREATE FUNCTION tram.finer_kinds(frequencies text, period integer) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  v_kind  integer := period >> 27;
  v_finer integer[] := '{}';
BEGIN
  IF v_kind NOT BETWEEN 1 AND 5 THEN
    RETURN v_finer;
  END IF;
  IF v_kind < 2 AND strpos(frequencies, 'S') > 0 THEN v_finer := v_finer || 2; END IF;
  IF v_kind < 3 AND strpos(frequencies, 'Q') > 0 THEN v_finer := v_finer || 3; END IF;
  IF v_kind < 4 AND strpos(frequencies, 'M') > 0 THEN v_finer := v_finer || 4; END IF;
  IF strpos(frequencies, 'D') > 0 THEN v_finer := v_finer || 6; END IF;
  RETURN v_finer;
END $$;

-- Ranks, benchmarks, targets and what only the nation states are what somebody said of one period: those of shorter ones say
-- nothing of it.
CREATE FUNCTION tram.adds_over_time(over_area text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN over_area NOT IN ('national_only', 'rank_external', 'benchmark_external', 'target');

-- The kinds of periods that an indicator's figure for one may be made of.
CREATE FUNCTION tram.part_kinds(i tram.indicator, period integer) RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF NOT tram.adds_over_time(part_kinds.i.over_area) THEN
    RETURN '{}';
  END IF;
  RETURN tram.finer_kinds(part_kinds.i.frequencies, part_kinds.period);
END $$;

CREATE FUNCTION tram.period_of(kind integer, first date) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (period_of.kind << 27) | ((period_of.first - DATE '1900-01-01') << 10);

-- The periods of a kind that a longer one is made of.
CREATE FUNCTION tram.sub_periods(period integer, kind integer)
RETURNS TABLE (period integer, first date, last date)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT p.period, g.first::date, tram.period_end(p.period)
  FROM generate_series(tram.period_start(sub_periods.period)::timestamp, tram.period_end(sub_periods.period)::timestamp,
                       CASE sub_periods.kind WHEN 2 THEN interval '6 months' WHEN 3 THEN interval '3 months'
                                             WHEN 4 THEN interval '1 month' ELSE interval '1 day' END) g(first)
  CROSS JOIN LATERAL (SELECT tram.period_of(sub_periods.kind, g.first::date) AS period) p
$$;

-- How many periods of a kind end from one day to another.
CREATE FUNCTION tram.ends_between(kind integer, first date, last date) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN CASE WHEN ends_between.last < ends_between.first THEN 0
    WHEN ends_between.kind = 6 THEN ends_between.last - ends_between.first + 1
    ELSE (extract(year FROM ends_between.last + 1)::integer * 12 + extract(month FROM ends_between.last + 1)::integer - 1)
           / CASE ends_between.kind WHEN 2 THEN 6 WHEN 3 THEN 3 ELSE 1 END
       - (extract(year FROM ends_between.first)::integer * 12 + extract(month FROM ends_between.first)::integer - 1)
           / CASE ends_between.kind WHEN 2 THEN 6 WHEN 3 THEN 3 ELSE 1 END
  END;
END $$;
