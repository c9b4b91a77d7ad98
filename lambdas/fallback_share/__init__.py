"""Publishes, every few minutes, the share of the edge's reads that the replica served."""
