-- Which bots, scripts and clients without a name requested pictures, and how much did they download?
-- Classified by the user agent, which a client can fake.
-- Parameters: standard, row_limit.
-- Columns: agent, requests, images, addresses, client_errors, bytes.
-- Scans: one distribution's partitions of the days; five columns. With a tenant, also two of images.
WITH requests AS (
    SELECT
        lower(replace(cs_user_agent, '%%20', ' ')) AS user_agent,
        c_ip AS address,
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
),

named AS (
    SELECT
        CASE
            WHEN user_agent = '-' THEN '(none)'
            ELSE coalesce(
                regexp_extract(user_agent, '[a-z0-9_.-]*(bot|crawler|spider|slurp|externalhit)[a-z0-9_-]*'),
                regexp_extract(user_agent, '^(curl|wget|python|go-http-client|java|okhttp|libwww-perl|node)[a-z-]*')
            )
        END AS agent,
        image_id,
        address,
        status,
        bytes
    FROM requests
)

SELECT
    agent,
    count(*) AS requests,
    count(DISTINCT image_id) AS images,
    count(DISTINCT address) AS addresses,
    count_if(status BETWEEN 400 AND 499) AS client_errors,
    coalesce(sum(bytes), 0) AS bytes
FROM named
WHERE agent IS NOT NULL
GROUP BY 1
ORDER BY requests DESC, agent
LIMIT %(row_limit)d
