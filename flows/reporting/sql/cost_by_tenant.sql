-- How many bytes were delivered by tenant, format and rung, and about how much did that cost?
-- By list prices, on demand, first tier: bytes to viewers; per request the viewer-request function and the firewall;
-- per response below 400 the viewer-response function; per miss the Lambda@Edge lookup and the read from S3. The rung
-- is null for requests without a variant. Tenant '(no picture)': not an image's address; '(unknown)': an image that
-- the last export does not have.
-- Parameters: standard, delivered_gb, delivery_million_requests, edge_function_million_requests,
-- web_acl_million_requests, edge_lambda_million_requests, get_million.
-- Columns: tenant, format, rung, requests, misses, bytes, bytes_usd, requests_usd.
-- Scans: one distribution's partitions of the days; six columns. Two columns of images.
WITH requests AS (
    SELECT
        regexp_extract(cs_uri_stem, '^/(img/)?((p-)?[0-9a-f]{32})(/|$)', 2) AS image_id,
        try_cast(split_part(viewer_request_log_data, 'x', 1) AS integer) AS rung,
        CASE
            WHEN starts_with(sc_content_type, 'image/') THEN split_part(sc_content_type, '/', 2)
            ELSE 'none'
        END AS format,
        x_edge_result_type AS result,
        try_cast(sc_status AS integer) AS status,
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
),

counted AS (
    SELECT
        CASE
            WHEN requests.image_id IS NULL THEN '(no picture)'
            ELSE coalesce(images.tenant, '(unknown)')
        END AS tenant,
        requests.format,
        requests.rung,
        count(*) AS requests,
        count_if(requests.result = 'Miss') AS misses,
        count_if(requests.status < 400) AS successes,
        coalesce(sum(requests.bytes), 0) AS bytes
    FROM requests
    LEFT JOIN images ON requests.image_id = images.image_id
    GROUP BY 1, 2, 3
)

SELECT
    tenant,
    format,
    rung,
    requests,
    misses,
    bytes,
    bytes / 1e9 * %(delivered_gb)s AS bytes_usd,
    (
        requests * (%(delivery_million_requests)s + %(edge_function_million_requests)s + %(web_acl_million_requests)s)
        + successes * %(edge_function_million_requests)s
        + misses * (%(edge_lambda_million_requests)s + %(get_million)s)
    ) / 1e6 AS requests_usd
FROM counted
ORDER BY bytes DESC, tenant, format, rung
