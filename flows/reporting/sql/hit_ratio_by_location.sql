-- By edge location: how many responses were there, how many from the cache, and how many were errors?
-- A hit was served from the cache, fresh or revalidated; a miss was fetched. Other responses (errors, those of the
-- edge functions) are neither. Locations are grouped by the airport code in their name.
-- Parameters: standard.
-- Columns: location, requests, hits, misses, client_errors, server_errors, bytes.
-- Scans: one distribution's partitions of the days; four columns. With a tenant, also two of images.
SELECT
    substr(x_edge_location, 1, 3) AS location,
    count(*) AS requests,
    count_if(x_edge_result_type IN ('Hit', 'RefreshHit', 'OriginShieldHit')) AS hits,
    count_if(x_edge_result_type = 'Miss') AS misses,
    count_if(try_cast(sc_status AS integer) BETWEEN 400 AND 499) AS client_errors,
    count_if(try_cast(sc_status AS integer) >= 500) AS server_errors,
    coalesce(sum(try_cast(sc_bytes AS bigint)), 0) AS bytes
FROM access_log
WHERE
    distributionid = %(distribution)s
    AND year BETWEEN %(first_year)d AND %(last_year)d
    AND year * 10000 + month * 100 + day BETWEEN %(first_day)d AND %(last_day)d
    AND (
        %(tenant)s IS NULL
        OR regexp_extract(cs_uri_stem, '^/(img/)?((p-)?[0-9a-f]{32})(/|$)', 2)
        IN (SELECT image_id FROM images WHERE tenant = %(tenant)s)
    )
GROUP BY 1
ORDER BY requests DESC, location
