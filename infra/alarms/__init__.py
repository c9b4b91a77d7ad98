"""Alarms: what rings, whom it tells, and which paragraph of ``docs/runbooks.md`` it leads to."""
