"""Functions that run at CloudFront: viewer-request, viewer-response and the origin-request Lambda@Edge."""
