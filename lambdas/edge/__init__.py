"""What runs at CloudFront: the viewer-request function and the origin-request Lambda@Edge."""
