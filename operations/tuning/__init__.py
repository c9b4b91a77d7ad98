"""Tuning of lanes: what each needs by its metrics, a fair share of what there is, applied and undone."""
