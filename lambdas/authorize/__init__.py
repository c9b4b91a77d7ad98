"""The HTTP API's authorizer: says whose tenant a caller's token speaks for."""
