"""Prefect flows: what an operator does, one file each."""
