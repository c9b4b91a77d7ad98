"""Signing keys: image-token keys at the edge and tenants' keys of the upload API, with their rotation."""
