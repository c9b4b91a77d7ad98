"""Rotation of signing keys: image-token keys, which the edge checks, and tenants' keys of the upload API."""
