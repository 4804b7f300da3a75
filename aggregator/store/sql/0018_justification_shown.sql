-- SPDX-License-Identifier: Apache-2.0
-- Where a single figure is shown, the reason that came with it is.

-- The justification of the figure that stood for an area at a moment; no row: none came with it, or no single figure does.
CREATE FUNCTION tram.justification_at(area text, indicator text, period integer, as_of timestamptz)
RETURNS TABLE (justification_code text, justification text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT h.justification_code, h.justification
  FROM tram.area_number n
  JOIN tram.series s ON s.indicator = justification_at.indicator AND s.dimensions = ''
  CROSS JOIN LATERAL (SELECT (s.series_no::bigint << 44) | (justification_at.period::bigint << 14) AS first) k
  CROSS JOIN LATERAL tram.figure_at(n.area_no, k.first, justification_at.as_of) f
  JOIN tram.observation_history h ON h.area_no = n.area_no AND h.key = k.first + f.revision
  WHERE n.area = justification_at.area AND coalesce(h.justification_code, '') || coalesce(h.justification, '') <> ''
$$;

REVOKE EXECUTE ON FUNCTION tram.justification_at(text, text, integer, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.justification_at(text, text, integer, timestamptz) TO tram_reader, tram_admin;
