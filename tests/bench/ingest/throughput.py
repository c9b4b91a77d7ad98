"""The pipeline's speed beside that of drawing alone: same photographs, same cores, turn by turn."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.ingest.bare import bare_seconds
from tests.bench.ingest.intake import Intake

ROUNDS = 3


@dataclass(frozen=True)
class Compared:
    """Seconds for all of one kind of photographs, a pair a round."""

    kind: str
    photographs: int
    bare_seconds: list[float]
    pipeline_seconds: list[float]

    @property
    def ratio(self) -> float:
        """The pipeline's photographs a second in those of drawing alone: the median of the rounds."""
        pairs = zip(self.bare_seconds, self.pipeline_seconds, strict=True)
        return statistics.median(bare / pipeline for bare, pipeline in pairs)


def compare(
    intake: Intake, kinds: dict[str, Sequence[Path]], done: Callable[[int], None] = lambda _rounds: None
) -> list[Compared]:
    """Draw every kind of photographs both ways, one way after the other, ``ROUNDS`` times."""
    compared = []
    for kind, photographs in kinds.items():
        bare, pipeline = [], []
        for _ in range(ROUNDS):
            bare.append(round(bare_seconds(photographs), 3))
            pipeline.append(round(intake.seconds(photographs), 3))
            done(1)
        compared.append(Compared(kind, len(photographs), bare, pipeline))
    return compared
