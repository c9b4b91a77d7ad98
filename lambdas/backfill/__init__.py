"""Draws, for S3 Batch Operations, derivatives that are missing or were drawn with older encoder settings."""
