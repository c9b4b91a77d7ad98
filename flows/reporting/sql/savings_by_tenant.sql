-- By tenant: how many bytes were sent for pictures, and how large would the originals have been?
-- Complete responses only (status 200); images that the last export does not have are left out.
-- Parameters: standard.
-- Columns: tenant, requests, bytes, original_bytes.
-- Scans: one distribution's partitions of the days; four columns. Four columns of images.
WITH requests AS (
    SELECT
        regexp_extract(cs_uri_stem, '^/(img/)?((p-)?[0-9a-f]{32})(/|$)', 2) AS image_id,
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
        AND sc_status = '200'
        AND cs_method = 'GET'
)

SELECT
    images.tenant,
    count(*) AS requests,
    sum(requests.bytes) AS bytes,
    sum(images.bytes) AS original_bytes
FROM requests
INNER JOIN images ON requests.image_id = images.image_id
WHERE images.outcome = 'ready'
GROUP BY 1
ORDER BY bytes DESC, tenant
