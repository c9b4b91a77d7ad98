"""Our settings at another engine's quality: what calibration would choose, were its scores the target."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lambdas.core.keys import FORMATS, Format
from lambdas.core.settings.pictures import Encoder
from operations.calibration.choose import at_target, cheapest_set
from operations.calibration.survey import Workbench, settle, survey
from tests.bench.imaging.scoring import Score, by_format
from tests.bench.imaging.steps import Step

_SURVEYED_WIDTH = 512  # so small that ninety settings are scored in a minute; what is chosen is settled on all rungs
# A little under the limit of 3 % more bytes: other rungs than the surveyed one may gain less.
_SIZE_MARGIN = 1.01


def matched_encoders(
    workbench: Workbench, scores: Sequence[Score], sizes: Mapping[int, float], step: Step
) -> dict[Format, Encoder]:
    """Return encoders whose mean score is no lower than that of ``scores``, about as large, for the least CPU.

    Args:
        workbench: the photographs, and what to measure them with.
        scores: of the other engine's derivatives of all photographs, formats and rungs.
        sizes: bytes of one of its derivatives in every format together, the mean over photographs, by rung.
        step: told what is being measured.

    Raises:
        UnreachableTargetError: no setting of ours is good or small enough.
    """
    rung = min(sizes, key=lambda width: abs(width - _SURVEYED_WIDTH))
    surveyed = survey(workbench, [rung])
    curves = {fmt: {name: curve.points for name, curve in named.items()} for fmt, named in surveyed.items()}
    there = _means([score for score in scores if score.rung == rung])
    chosen = cheapest_set(curves, there, _SIZE_MARGIN * sizes[rung])
    everywhere, done = _means(scores), step("Settling them on every rung", len(FORMATS))
    quietly = replace(workbench, done=lambda _count: None)
    encoders: dict[Format, Encoder] = {}
    for fmt, name in chosen.items():
        start = round(at_target(curves[fmt][name], there[fmt]).quality)
        encoders[fmt] = settle(quietly, fmt, surveyed[fmt][name].encoder, everywhere[fmt], start).encoder
        done(1)
    return encoders


def _means(scores: Sequence[Score]) -> dict[Format, float]:
    return {fmt: statistics.fmean(received) for fmt, received in by_format(scores).items()}
