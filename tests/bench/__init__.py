"""Benchmarks: each prints ratios and a chart, writes ``build/bench/NAME.json``, and says which targets it met."""
