-- Which derivatives were requested most, and how often did the cache have them?
-- A key is the path after the viewer-request function, which also logs the variant: width x height (0: proportional)
-- and format. Errors are left out.
-- Parameters: standard, row_limit.
-- Columns: key, image_id, variant, requests, hits, misses, bytes.
-- Scans: one distribution's partitions of the days; five columns. With a tenant, also two of images.
SELECT
    cs_uri_stem AS key,
    regexp_extract(cs_uri_stem, '^/(img/)?((p-)?[0-9a-f]{32})(/|$)', 2) AS image_id,
    nullif(split_part(viewer_request_log_data, '_', 1), '-') AS variant,
    count(*) AS requests,
    count_if(x_edge_result_type IN ('Hit', 'RefreshHit', 'OriginShieldHit')) AS hits,
    count_if(x_edge_result_type = 'Miss') AS misses,
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
    AND try_cast(sc_status AS integer) < 400
GROUP BY 1, 2, 3
ORDER BY requests DESC, key, variant
LIMIT %(row_limit)d
