-- By result type: how long did viewers wait for the first byte, and the edge for the origin?
-- Percentiles in milliseconds. The origin's are null where no origin was contacted.
-- Parameters: standard.
-- Columns: result_type, requests, p50_ms, p90_ms, p99_ms, origin_p50_ms, origin_p99_ms.
-- Scans: one distribution's partitions of the days; three columns. With a tenant, also two of images.
WITH requests AS (
    SELECT
        x_edge_result_type AS result_type,
        try_cast(time_to_first_byte AS double) * 1000 AS ms,
        try_cast(origin_fbl AS double) * 1000 AS origin_ms
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
)

SELECT
    result_type,
    count(*) AS requests,
    approx_percentile(ms, 0.5) AS p50_ms,
    approx_percentile(ms, 0.9) AS p90_ms,
    approx_percentile(ms, 0.99) AS p99_ms,
    approx_percentile(origin_ms, 0.5) AS origin_p50_ms,
    approx_percentile(origin_ms, 0.99) AS origin_p99_ms
FROM requests
GROUP BY 1
ORDER BY requests DESC, result_type
