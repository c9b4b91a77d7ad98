-- Which images were requested but do not exist, how often, by how many clients, and what is known of them?
-- Outcome 'rejected': the upload was not a usable picture; 'held': it waits for a release; '(unknown)': the image never
-- existed, was taken down, or is newer than the last export. 'ready' should not appear.
-- Parameters: standard, row_limit.
-- Columns: image_id, tenant, outcome, rejection, requests, addresses, latest_at, latest_referer.
-- Scans: one distribution's partitions of the days; six columns. Four columns of images.
WITH requests AS (
    SELECT
        regexp_extract(cs_uri_stem, '^/(img/)?((p-)?[0-9a-f]{32})(/|$)', 2) AS image_id,
        c_ip AS address,
        cs_referer AS referer,
        "date" || ' ' || "time" AS requested_at
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
        AND sc_status = '404'
)

SELECT
    requests.image_id,
    images.tenant,
    coalesce(images.outcome, '(unknown)') AS outcome,
    images.rejection,
    count(*) AS requests,
    count(DISTINCT requests.address) AS addresses,
    max(requests.requested_at) AS latest_at,
    max_by(requests.referer, requests.requested_at) AS latest_referer
FROM requests
LEFT JOIN images ON requests.image_id = images.image_id
WHERE requests.image_id IS NOT NULL
GROUP BY 1, 2, 3, 4
ORDER BY requests DESC, image_id
LIMIT %(row_limit)d
