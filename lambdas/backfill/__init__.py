"""Draws, for S3 Batch Operations, what pictures lack or what was drawn with older encoder settings."""
