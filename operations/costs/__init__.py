"""Estimate of the monthly cost on AWS, from settings, list prices and assumptions about traffic."""
