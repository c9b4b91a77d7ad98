-- By rung: which widths were asked for, and how far is the rung that was served from them?
-- Pixels are device pixels across; a request that stated none got the default rung. A rung narrower than what was asked
-- for is the top of the ladder, or one rung less where the viewer saves data. The ratio is rung to pixels, on average.
-- Scans: one distribution's partitions of the days asked for; three columns. With a tenant, also two of images.
WITH asked AS (
    SELECT
        try_cast(split_part(viewer_request_log_data, 'x', 1) AS integer) AS rung,
        try_cast(split_part(viewer_request_log_data, '/', 2) AS double) AS pixels,
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
    min(pixels) AS least_pixels,
    approx_percentile(pixels, 0.5) AS median_pixels,
    max(pixels) AS most_pixels,
    avg(rung / pixels) AS ratio,
    coalesce(sum(bytes), 0) AS bytes
FROM asked
WHERE rung IS NOT NULL
GROUP BY 1
ORDER BY rung
