-- Which sites embed pictures, and how much do they download?
-- By the referring page's host. listed: whether [waf] referers allows it; null if that list is empty.
-- Parameters: standard, listed_hosts, row_limit.
-- Columns: host, listed, requests, images, refused, bytes.
-- Scans: one distribution's partitions of the days; four columns. With a tenant, also two of images.
WITH requests AS (
    SELECT
        nullif(lower(url_extract_host(cs_referer)), '') AS host,
        regexp_extract(cs_uri_stem, '^/(img/)?((p-)?[0-9a-f]{32})(/|$)', 2) AS image_id,
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
    host,
    regexp_like(host, nullif(%(listed_hosts)s, '')) AS listed,
    count(*) AS requests,
    count(DISTINCT image_id) AS images,
    count_if(status = 403) AS refused,
    coalesce(sum(bytes), 0) AS bytes
FROM requests
WHERE host IS NOT NULL
GROUP BY 1, 2
ORDER BY bytes DESC, host
LIMIT %(row_limit)d
