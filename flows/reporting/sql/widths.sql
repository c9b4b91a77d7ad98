-- By rung: which widths were requested, and how do they compare with the rung that was served?
-- In device pixels; a request without a width gets the default rung. A rung is narrower than requested at the top of
-- the ladder, or where the client asks to save data. ratio: mean of rung to requested width.
-- Parameters: standard.
-- Columns: rung, requests, stated, narrower, min_pixels, median_pixels, max_pixels, ratio, bytes.
-- Scans: one distribution's partitions of the days; three columns. With a tenant, also two of images.
WITH requested AS (
    SELECT
        try_cast(split_part(viewer_request_log_data, 'x', 1) AS integer) AS rung,
        try_cast(split_part(viewer_request_log_data, '_', 2) AS double) AS pixels,
        try_cast(sc_bytes AS bigint) AS bytes
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
)

SELECT
    rung,
    count(*) AS requests,
    count(pixels) AS stated,
    count_if(pixels > rung) AS narrower,
    min(pixels) AS min_pixels,
    approx_percentile(pixels, 0.5) AS median_pixels,
    max(pixels) AS max_pixels,
    avg(rung / pixels) AS ratio,
    coalesce(sum(bytes), 0) AS bytes
FROM requested
WHERE rung IS NOT NULL
GROUP BY 1
ORDER BY rung
