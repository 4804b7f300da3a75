-- SPDX-License-Identifier: Apache-2.0
-- Which areas are expected to report for a day, and what they count for.

-- The vintage of the provinces in force on a day.
CREATE FUNCTION tram.vintage_on(day date) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT a.vintage FROM tram.area a
  WHERE a.level = 'province' AND a.valid_from <= day AND coalesce(a.valid_to, 'infinity') >= day
  ORDER BY a.valid_from DESC LIMIT 1
$$;

-- The areas that are expected to report for a day, and the unit each counts for: itself, its region or the nation. When
-- figures of an older vintage are asked for in the units of a younger one, each province counts for its successor.
CREATE FUNCTION tram.expected_areas(day date, level text, boundary text)
RETURNS TABLE (unit text, area_no integer, population numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE expected_areas.level WHEN 'nation' THEN 'VN' WHEN 'region' THEN t.parent ELSE t.area END,
         a.area_no, a.population
  FROM tram.area a
  LEFT JOIN tram.area_succession s ON a.vintage <> expected_areas.boundary AND s.predecessor = a.area
  JOIN LATERAL (
    SELECT t.area, t.parent FROM tram.area t
    WHERE t.area = coalesce(s.successor, a.area) AND t.vintage = expected_areas.boundary
    ORDER BY t.valid_from <= day DESC, abs(t.valid_from - day) LIMIT 1) t ON true
  WHERE a.level = 'province' AND a.valid_from <= day AND coalesce(a.valid_to, 'infinity') >= day
$$;

-- Of figures that only the nation (or another single area) states, the units are those areas themselves.
CREATE FUNCTION tram.stating_areas(level text, boundary text)
RETURNS TABLE (unit text, area_no integer, population numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT DISTINCT a.area, a.area_no, NULL::numeric FROM tram.area a
  WHERE a.level = stating_areas.level AND (a.level = 'nation' OR a.vintage = stating_areas.boundary)
$$;

-- The names of areas as people know them in a period, by commas.
CREATE FUNCTION tram.area_names(areas text[], time_period text, language text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(string_agg(CASE area_names.language WHEN 'vi' THEN a.short_name_vi ELSE a.name_en END, ', ' ORDER BY asked.place), '')
  FROM unnest(area_names.areas) WITH ORDINALITY asked(area, place)
  CROSS JOIN LATERAL (
    SELECT a.short_name_vi, a.name_en FROM tram.area a, tram.period_end(tram.period_pack(area_names.time_period)) last
    WHERE a.area = asked.area ORDER BY a.valid_from <= last DESC, abs(a.valid_from - last) LIMIT 1) a
$$;
