"""Delivery: hits of a replayed trace, the viewer-request function's time, the local edge beside nginx."""
