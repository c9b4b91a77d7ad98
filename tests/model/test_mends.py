"""Each part of the protocol is needed: taken out, the exploration finds what it prevents."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from boto3.dynamodb.conditions import Attr
from exploration import PAIRS, check_every_order, first_found

from lambdas.core import life
from lambdas.core.records import CropFocus
from lambdas.core.takedown import CloudFrontCache, ImageResources, Sweep

pytestmark = pytest.mark.usefixtures("model")


def unconditional(transition: Callable[..., life.Transition]) -> Callable[..., life.Transition]:
    anyway = Attr("image_id").exists() | Attr("image_id").not_exists()
    return lambda *arguments: replace(transition(*arguments), condition=anyway)


def sweep_without_invalidation(resources: ImageResources, sweep: Sweep, now: Any) -> float:
    with mock.patch.object(CloudFrontCache, "invalidate"):
        return _SWEEP(resources, sweep, now)


_SWEEP = ImageResources.sweep


class SameFocusAlways(CropFocus):
    """The focus as it was read first: the second look at the row sees no other."""

    def __ne__(self, _other: object) -> bool:
        return False

    __hash__ = CropFocus.__hash__


TAKEN_OUT: list[tuple[str, Any, str, str]] = [
    ("lambdas.core.life.is_wanted", lambda *_: True, "takedown and lazy variant", "to be seen until the sweep"),
    ("lambdas.core.life.is_wanted", lambda *_: True, "takedown and backfill", "to be seen until the sweep"),
    ("lambdas.core.life.claim", unconditional(life.claim), "pipeline and pipeline", "was drawn by execution-1"),
    ("lambdas.core.life.claim", unconditional(life.claim), "takedown and the same bytes", "has objects in"),
    ("lambdas.core.life.record", unconditional(life.record), "takedown and pipeline", "removed picture"),
    ("lambdas.validate.handler._delete", lambda *_: None, "pipeline and other bytes", "a ready picture answers 404"),
    ("lambdas.core.life.is_past", lambda *_: False, "takedown and pipeline", "dead letter"),
    ("lambdas.core.takedown.ImageResources.sweep", lambda *_: 0, "takedown and pipeline", "has objects in"),
    ("lambdas.generate.handler.CropFocus", SameFocusAlways, "focus and crop", "of focus 0 but 1 is recorded"),
    ("lambdas.core.takedown.ImageResources.sweep", lambda *_: 0, "focus and crop", "of focus 0 but 1 is recorded"),
    (
        "lambdas.core.takedown.ImageResources.sweep",
        sweep_without_invalidation,
        "takedown and lazy variant",
        "is in the edge's cache",
    ),
]


@pytest.mark.parametrize(("part", "without", "pair", "violation"), TAKEN_OUT)
def test_what_a_part_of_the_protocol_prevents(part: str, without: Any, pair: str, violation: str) -> None:
    with mock.patch(part, without):
        _count, broken = check_every_order(*PAIRS[pair], 5_000)
    assert any(violation in each for each in broken), broken


def test_random_schedules_find_it_too() -> None:
    with mock.patch("lambdas.core.life.record", unconditional(life.record)):
        assert first_found(range(1_000)) is not None
