"""The logger and metrics of a function, with the image and its tenant on every line.

Service, level and namespace are set by Powertools' environment variables.
"""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

logger = Logger()
metrics = Metrics()

__all__ = ["LambdaContext", "count", "identify", "logger", "observed", "seconds", "size"]


def observed(handler: Handler) -> Handler:
    """Give ``handler`` a fresh log context for each event, and publish its metrics when it returns."""
    logged: Handler = logger.inject_lambda_context(handler, clear_state=True)
    measured: Handler = metrics.log_metrics(logged)
    return measured


def identify(image_id: str, tenant: str | None = None) -> None:
    """Add the image, and its tenant if known, to all following log lines and metrics."""
    logger.append_keys(image_id=image_id, tenant=tenant)
    metrics.add_metadata(key="image_id", value=image_id)
    if tenant is not None:
        metrics.add_dimension(name="tenant", value=tenant)


def count(name: str, value: float = 1) -> None:
    """Add ``value`` to the metric ``name``."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def seconds(name: str, value: float) -> None:
    """Publish a duration of ``value`` seconds as the metric ``name``."""
    metrics.add_metric(name=name, unit=MetricUnit.Seconds, value=value)


def size(name: str, value: float) -> None:
    """Publish ``value`` bytes as the metric ``name``."""
    metrics.add_metric(name=name, unit=MetricUnit.Bytes, value=value)
