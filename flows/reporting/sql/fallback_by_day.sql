-- By day (UTC): how many pictures came from the replica bucket, and how many were fetched from it?
-- The viewer-response function logs 'replica' for the replica's copies, which are read only while the primary bucket
-- fails and stay in the cache. A high share means that the primary bucket is in trouble.
-- Parameters: standard.
-- Columns: day, requests, from_replica, fetched, fetched_from_replica.
-- Scans: one distribution's partitions of the days; three columns. With a tenant, also two of images.
SELECT
    CAST(
        CAST(year AS varchar) || '-' || lpad(CAST(month AS varchar), 2, '0') || '-' || lpad(CAST(day AS varchar), 2, '0')
        AS date
    ) AS day,
    count(*) AS requests,
    count_if(viewer_response_log_data = 'replica') AS from_replica,
    count_if(x_edge_result_type = 'Miss') AS fetched,
    count_if(x_edge_result_type = 'Miss' AND viewer_response_log_data = 'replica') AS fetched_from_replica
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
ORDER BY day
