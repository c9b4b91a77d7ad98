"""Simulated viewers: a seeded trace of a site's requests, sent through the local edge."""
