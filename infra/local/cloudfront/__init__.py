"""CloudFront on one machine: serves the deployed distribution by its own configuration, in CloudFront's order.

Viewer-request function, cache, origin-request Lambda@Edge, origins with their access control and failover,
response headers policy, viewer-response function, access log. Run as ``python -m infra.local.cloudfront``.
"""
