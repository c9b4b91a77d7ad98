"""Takedown: pictures gone from every place that holds them."""
