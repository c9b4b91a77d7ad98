"""What flows share of Prefect: command line, retries and limits, approvals, artifacts."""
