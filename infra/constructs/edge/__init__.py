"""The parts of the CloudFront distribution: functions, origins, policies, domain, web ACL, access log."""
