"""Draws one variant on its first request, for the edge."""
