"""The HTTP API's authorizer: verifies a caller's token and returns its tenant and scopes."""
