"""Uploads: from the request for one to the bytes that have arrived."""
