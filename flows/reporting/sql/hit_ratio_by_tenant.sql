-- By tenant: how many responses were there, how many from the cache, and how many were errors?
-- A hit was served from the cache, fresh or revalidated; a miss was fetched. Other responses (errors, those of the
-- edge functions) are neither. Tenant '(no picture)': not an image's address; '(unknown)': an image that the last
-- export does not have.
-- Parameters: standard.
-- Columns: tenant, requests, hits, misses, client_errors, server_errors, bytes.
-- Scans: one distribution's partitions of the days; four columns. Two columns of images.
WITH requests AS (
    SELECT
        regexp_extract(cs_uri_stem, '^/(img/)?((p-)?[0-9a-f]{32})(/|$)', 2) AS image_id,
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
)

SELECT
    CASE
        WHEN requests.image_id IS NULL THEN '(no picture)'
        ELSE coalesce(images.tenant, '(unknown)')
    END AS tenant,
    count(*) AS requests,
    count_if(result IN ('Hit', 'RefreshHit', 'OriginShieldHit')) AS hits,
    count_if(result = 'Miss') AS misses,
    count_if(status BETWEEN 400 AND 499) AS client_errors,
    count_if(status >= 500) AS server_errors,
    coalesce(sum(requests.bytes), 0) AS bytes
FROM requests
LEFT JOIN images ON requests.image_id = images.image_id
GROUP BY 1
ORDER BY requests DESC, tenant
