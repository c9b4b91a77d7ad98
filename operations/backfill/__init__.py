"""Backfills: select pictures, estimate the work, run jobs of S3 Batch Operations, and account for every picture."""
