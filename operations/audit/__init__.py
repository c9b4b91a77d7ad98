"""Audit: whether originals, records, derivatives and replica agree, and what mends them where they do not."""
