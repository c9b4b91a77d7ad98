"""All that runs inside AWS Lambda and CloudFront: one package, one code asset, many handlers."""
