-- Which variants are made ahead, and how often were they requested?
-- A variant is width x height (0: proportional) and format, the least requested first. [rendering] eager_widths and
-- eager_formats decide what is made ahead. The cost is that of storing them for a month.
-- Parameters: standard, stored_gb_month.
-- Columns: variant, rung, format, images, stored_bytes, stored_usd_month, requested_images, requests.
-- Scans: one distribution's partitions of the days; three columns. One column of images.
WITH requested AS (
    SELECT
        split_part(viewer_request_log_data, '_', 1) AS variant,
        count(*) AS requests,
        count(DISTINCT regexp_extract(cs_uri_stem, '^/(img/)?((p-)?[0-9a-f]{32})(/|$)', 2)) AS images
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
    GROUP BY 1
),

made AS (
    SELECT
        made_variants.variant,
        count(*) AS images,
        sum(element_at(images.derivative_bytes, made_variants.variant)) AS bytes
    FROM images
    CROSS JOIN UNNEST(map_keys(images.derivative_bytes)) AS made_variants (variant)
    WHERE %(tenant)s IS NULL OR images.tenant = %(tenant)s
    GROUP BY 1
)

SELECT
    made.variant,
    try_cast(split_part(made.variant, 'x', 1) AS integer) AS rung,
    split_part(made.variant, '.', 2) AS format,
    made.images,
    made.bytes AS stored_bytes,
    made.bytes / 1e9 * %(stored_gb_month)s AS stored_usd_month,
    coalesce(requested.images, 0) AS requested_images,
    coalesce(requested.requests, 0) AS requests
FROM made
LEFT JOIN requested ON made.variant = requested.variant
ORDER BY requests, stored_bytes DESC, made.variant
