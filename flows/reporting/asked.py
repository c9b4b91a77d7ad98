"""What SQL files call the things that they ask about: their parameters."""

import re
from collections.abc import Mapping
from typing import Any

from flows.reporting.periods import Period
from lambdas.core.settings import Settings
from operations.costs.prices import PRICES

MOST = 50
"""Rows of an answer that lists the first of many."""


def settings_parameters(settings: Settings) -> dict[str, float | str]:
    """Return the parameters that come from prices and settings: each price by its name, and ``listed_hosts``.

    That is a pattern of the sites that may show pictures, subdomains included; empty where all may.
    """
    prices = {name: value for name, value in PRICES.model_dump().items() if isinstance(value, float)}
    sites = "|".join(map(re.escape, settings.waf.referers))
    return {**prices, "listed_hosts": rf"^(.*\.)?({sites})$" if sites else ""}


def question_parameters(
    distribution: str, period: Period, tenant: str | None, of_settings: Mapping[str, float | str], most: int = MOST
) -> dict[str, Any]:
    """Return everything that a SQL file may name; each takes what it needs.

    Args:
        distribution: the one that is asked about.
        period: the days.
        tenant: whose pictures alone; None for all.
        of_settings: from :func:`settings_parameters`.
        most: rows of an answer that lists the first of many.
    """
    return {**of_settings, **period.parameters, "distribution": distribution, "tenant": tenant, "most": most}
