"""Our settings at another engine's quality: what calibration would choose, were its scores the target."""

from collections.abc import Mapping

from calibration.choose import cheapest_set
from calibration.survey import Workbench, settle, survey
from lambdas.encoders import Encoder
from lambdas.keys import Format

# A little under the limit of 3 % more bytes: the survey leaves out the widest rung.
_SIZE_MARGIN = 1.01


def matched_encoders(
    workbench: Workbench, scores: Mapping[Format, float], sizes: Mapping[int, float]
) -> dict[Format, Encoder]:
    """Return encoders whose mean score is no lower than ``scores``, about as large, for the least CPU.

    Args:
        workbench: the photographs, and what to measure them with.
        scores: mean SSIMULACRA2 to reach, over all photographs and rungs, by format.
        sizes: bytes of one derivative in every format together, the mean over photographs, by rung.

    Raises:
        UnreachableTargetError: no setting of ours is good or small enough.
    """
    rungs = workbench.settings.ladder.widths[:-1]
    surveyed = survey(workbench, rungs)
    limit = _SIZE_MARGIN * sum(sizes[rung] for rung in rungs) / len(rungs)
    curves = {fmt: {name: curve.points for name, curve in named.items()} for fmt, named in surveyed.items()}
    chosen = cheapest_set(curves, scores, limit)
    return {fmt: settle(workbench, fmt, surveyed[fmt][name], scores[fmt]).encoder for fmt, name in chosen.items()}
