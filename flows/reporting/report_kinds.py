"""The reports that there are: a notebook each, and the questions that it is made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReportKind:
    """A report.

    ``questions`` are asked about its period, ``compared`` also about the one before; the answer to ``table`` is shown
    beside the link to the page.
    """

    notebook: str
    title: str
    questions: tuple[str, ...]
    compared: tuple[str, ...]
    table: str


DELIVERY = ReportKind(
    "delivery",
    "Delivery",
    (
        "hit_ratio_by_format",
        "hit_ratio_by_hour",
        "hit_ratio_by_day",
        "hit_ratio_by_tenant",
        "hit_ratio_by_location",
        "cost_by_tenant",
        "savings_by_tenant",
        "latency",
        "top_images",
        "top_keys",
        "server_errors",
        "client_errors",
        "missing_images",
        "fallback_by_day",
        "bots",
        "hotlinkers",
        "widths",
        "unasked_variants",
    ),
    ("hit_ratio_by_format", "savings_by_tenant", "latency"),
    "hit_ratio_by_format",
)
TENANTS = ReportKind(
    "tenants",
    "Tenants",
    ("hit_ratio_by_format", "hit_ratio_by_tenant", "cost_by_tenant", "savings_by_tenant", "top_images"),
    ("hit_ratio_by_format", "cost_by_tenant"),
    "hit_ratio_by_tenant",
)
KINDS = {kind.notebook: kind for kind in (DELIVERY, TENANTS)}
