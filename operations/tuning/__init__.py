"""Tuning of lanes: measure their load, propose fair shares of the concurrency, apply and revert them."""
