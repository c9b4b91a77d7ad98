"""How much runs at once at the peak of a day: what Lambda's and EventBridge Pipes' quotas have to allow."""

from dataclasses import dataclass

from lambdas.core.settings import FunctionName, Settings
from operations.costs.estimate import drawing
from operations.costs.workload import Assumptions, Pictures

PEAK = 3
"""How many times the mean of a day the busiest minutes are."""
_SECONDS_OF_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class AtOnce:
    """What is called ``calls`` times a second and takes ``seconds``: by Little's law, so many at once."""

    what: str
    calls: float
    seconds: float

    @property
    def count(self) -> float:
        """Executions at once, on the mean of the peak."""
        return self.calls * self.seconds


def at_peak(pictures: Pictures, settings: Settings, assumptions: Assumptions | None = None) -> list[AtOnce]:
    """Return the functions and the pipes' executions at the peak of a day of ``pictures``."""
    billed = (assumptions or Assumptions()).billed_seconds
    drawn = drawing(pictures, settings)
    rate = PEAK * pictures.per_day / _SECONDS_OF_A_DAY
    of_a_group = billed["derive"] + drawn.cpu_seconds / max(drawn.groups, 1)
    misses = rate * pictures.views * (1 - settings.analytics.expected_hit_ratio)
    api: tuple[FunctionName, ...] = ("authorize", "upload_api")
    pipeline: tuple[FunctionName, ...] = ("validate", "metadata", "record")
    return [
        *(AtOnce(name, rate, billed[name]) for name in (*api, *pipeline)),
        AtOnce("derive", rate * drawn.groups, of_a_group),
        AtOnce("origin_request, in all regions", misses, billed["origin_request"]),
        AtOnce("executions of pipes", rate, sum(billed[name] for name in pipeline) + of_a_group),
    ]
