"""Analytics: a day's report over a million lines of log."""
