"""Backfills: which pictures, what they will take, the jobs that draw them, and what became of each."""
