"""Viewers that there are none of yet: a seeded trace of a site's requests, sent through the local edge."""
