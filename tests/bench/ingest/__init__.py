"""Ingest: the whole pipeline beside the drawing alone, and a tenant beside one that uploads too much."""
