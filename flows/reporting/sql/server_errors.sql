-- Which 5xx responses were there, how many of them from the cache, and what was the latest of each kind?
-- CloudFront logs every error as 'Error'. It came from the cache if no origin was contacted.
-- Parameters: standard.
-- Columns: status, result_type, requests, from_cache, paths, addresses, latest_at, latest_path, latest_referer,
-- latest_user_agent, latest_request_id.
-- Scans: one distribution's partitions of the days; eleven columns. With a tenant, also two of images.
SELECT
    try_cast(sc_status AS integer) AS status,
    x_edge_result_type AS result_type,
    count(*) AS requests,
    count_if(
        x_edge_result_type = 'Error' AND cs_method IN ('GET', 'HEAD') AND try_cast(origin_fbl AS double) IS NULL
    ) AS from_cache,
    count(DISTINCT cs_uri_stem) AS paths,
    count(DISTINCT c_ip) AS addresses,
    max("date" || ' ' || "time") AS latest_at,
    max_by(cs_uri_stem, "date" || ' ' || "time") AS latest_path,
    max_by(cs_referer, "date" || ' ' || "time") AS latest_referer,
    max_by(cs_user_agent, "date" || ' ' || "time") AS latest_user_agent,
    max_by(x_edge_request_id, "date" || ' ' || "time") AS latest_request_id
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
    AND try_cast(sc_status AS integer) >= 500
GROUP BY 1, 2
ORDER BY requests DESC, status, result_type
