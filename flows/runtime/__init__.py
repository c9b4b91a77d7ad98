"""What flows share of Prefect: approvals, artifacts, deployments, limits, and the command line of each."""
