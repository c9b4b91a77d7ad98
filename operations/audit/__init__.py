"""Audit: do originals, records, derivatives and replica agree, and what repairs them where they do not."""
