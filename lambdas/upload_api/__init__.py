"""The upload API: hands out presigned requests; no picture's bytes pass through it."""
