"""CloudWatch alarms by what they watch; each has its paragraph in ``docs/runbooks.md``."""
