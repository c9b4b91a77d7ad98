-- Which images were requested most, by tenant, and how large are their originals?
-- Errors are left out. Tenant and original are null for an image that the last export does not have.
-- Parameters: standard, row_limit.
-- Columns: image_id, tenant, original_format, original_width, original_height, original_bytes, requests, hits, misses,
-- bytes.
-- Scans: one distribution's partitions of the days; four columns. Six columns of images.
WITH requests AS (
    SELECT
        regexp_extract(cs_uri_stem, '^/(img/)?((p-)?[0-9a-f]{32})(/|$)', 2) AS image_id,
        x_edge_result_type AS result,
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
    requests.image_id,
    images.tenant,
    images.format AS original_format,
    images.width AS original_width,
    images.height AS original_height,
    images.bytes AS original_bytes,
    count(*) AS requests,
    count_if(result IN ('Hit', 'RefreshHit', 'OriginShieldHit')) AS hits,
    count_if(result = 'Miss') AS misses,
    coalesce(sum(requests.bytes), 0) AS bytes
FROM requests
LEFT JOIN images ON requests.image_id = images.image_id
WHERE requests.image_id IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY requests DESC, image_id
LIMIT %(row_limit)d
