"""What viewers are spared by derivatives; no AWS."""

from collections.abc import Sequence

from lambdas.core.keys import Format
from lambdas.core.messages import StoredDerivative


def bytes_saved(original: int, made: Sequence[StoredDerivative], formats: Sequence[Format]) -> int:
    """Return how many bytes a view of the widest derivative is smaller than one of an original of ``original`` bytes.

    The derivative is in the first of ``formats``, which most viewers get. Negative where the original was smaller;
    0 where nothing was made ahead.
    """
    preferred = [each for each in made if each.variant.format in formats[:1]]
    if not preferred:
        return 0
    widest = max(preferred, key=lambda each: (each.variant.width, each.variant.height == 0))
    return original - widest.bytes
