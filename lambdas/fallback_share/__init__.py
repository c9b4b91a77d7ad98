"""Every few minutes, the share of what the edge reads that the replica has to give."""
