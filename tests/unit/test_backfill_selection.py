"""Which pictures a backfill selects, and its estimate."""

import re
from datetime import date
from typing import Any

import pytest

from lambdas.core.keys import FORMATS, new_image_id
from lambdas.core.records import ImageRecord
from lambdas.core.settings import load_settings
from operations.backfill.estimate import estimate
from operations.backfill.selection import Chosen, Selection, WrongSelectionError
from operations.costs.encoders import ENCODERS
from operations.costs.prices import PRICES

SETTINGS = load_settings(stage="dev")
LADDER = SETTINGS.ladder
EVERY_VARIANT = [f"{w}x{h}.{fmt}" for w in LADDER.widths for h in LADDER.heights(w) for fmt in FORMATS]
NOW = SETTINGS.formats.calibration
OLD = "2020-01-01-00000000"


def image(tenant: str = "demo", state: str = "ready", **made: str | None) -> ImageRecord:
    """Return a picture with the derivatives ``made``: a calibration by a name such as ``w256``."""
    image_id = new_image_id()
    entries = {
        f"{name.removeprefix('w')}x0.avif": {"bytes": 1, "width": 1, "height": 1, "calibration": calibration}
        for name, calibration in made.items()
    }
    picture = {"width": 4000, "height": 3000, "format": "jpeg"}
    original = {"bucket": "b", "key": f"{tenant}/2026-11-23/{image_id}", "version_id": None, "etag": "e"}
    return ImageRecord.model_validate(
        {
            "image_id": image_id, "tenant": tenant, "state": state, "original": original,
            "metadata": picture if state == "ready" else None, "derivatives": entries,
        }
    )  # fmt: skip


def selection(**asked: Any) -> Selection:
    return Selection.of(SETTINGS, **{"variants": ["256x0.avif", "512x0.avif"], **asked})


LACKING, CURRENT = image(w256=NOW), image(w256=NOW, w512=NOW)
OUTDATED, UNNOTED = image(w256=OLD, w512=NOW), image(w256=None, w512=NOW)


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("lacking", [["512x0.avif"], [], [], []]),
        ("outdated", [[], [], ["256x0.avif"], ["256x0.avif"]]),
        ("either", [["512x0.avif"], [], ["256x0.avif"], ["256x0.avif"]]),
        ("all", [["256x0.avif", "512x0.avif"]] * 4),
        ("redraw", [["256x0.avif", "512x0.avif"]] * 4),
    ],
)
def test_what_a_picture_needs(which: Any, expected: list[list[str]]) -> None:
    chosen = selection(which=which)
    found = [list(map(str, chosen.needs(each, NOW))) for each in (LACKING, CURRENT, OUTDATED, UNNOTED)]
    assert found == expected


def test_pictures_outside_the_selection_need_nothing() -> None:
    chosen = selection(tenant="demo", prefix="demo/2026-11", which="all")
    assert chosen.needs(LACKING, NOW)
    assert not chosen.needs(image("studio"), NOW)
    for state in ("rejected", "held", "processing"):
        assert not chosen.needs(image(state=state), NOW)
    assert not selection(prefix="demo/2026-12", which="all").needs(LACKING, NOW)


def test_named_images_are_chosen_whatever_their_records_say() -> None:
    stranger = new_image_id()
    chosen = Chosen.among([CURRENT], selection(images=[CURRENT.image_id, stranger]), SETTINGS)
    assert chosen.keys == [CURRENT.original.key]
    assert chosen.unknown == [stranger]


def test_the_last_day_is_included() -> None:
    chosen = selection(first_day=date(2026, 11, 1), last_day=date(2026, 11, 30))
    assert chosen.uploaded == ("2026-11-01", "2026-12-01")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tenant": "nobody"}, "expected a tenant of demo, studio but received 'nobody'"),
        ({"variants": ["300x0.avif"]}, "expected a width of [64, 128, 256, 512, 1024, 1600, 2560]"),
        ({"variants": EVERY_VARIANT}, "characters together but received 2522: split them"),
        ({"variants": ["256x0.gif"]}, "expected {w}x{h}.avif|webp|jpeg|png for a variant"),
        ({"images": ["cat.jpg"]}, "32 lower-case hex digits for an image id but received 'cat.jpg'"),
        ({"first_day": date(2026, 2, 1), "last_day": date(2026, 1, 1)}, "expected a last day on or after 2026-02-01"),
    ],
)
def test_invalid_selections_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongSelectionError, match=re.escape(message)):
        selection(**asked)


def test_equal_selections_have_equal_digests() -> None:
    assert selection(tenant="demo").digest == selection(tenant="demo", prefix="").digest
    digests = {selection(**asked).digest for asked in ({}, {"tenant": "demo"}, {"prefix": "x"}, {"which": "all"})}
    assert len(digests) == 4
    assert re.fullmatch("[0-9a-f]{12}", selection().digest)


def test_the_canary_is_stable_and_nothing_is_lost() -> None:
    chosen = Chosen.among([image() for _ in range(50)], selection(), SETTINGS)
    first, others = chosen.split(10)
    assert len(first) == 10
    assert sorted([*first, *others]) == sorted(chosen.keys)
    chosen.keys.reverse()
    assert sorted(chosen.split(10)[0]) == sorted(first)
    assert chosen.split(100)[1] == []


def test_empty_backfill_costs_the_job_fee() -> None:
    planned = estimate(Chosen().work, SETTINGS, jobs=1)
    assert (planned.images, planned.seconds, planned.usd) == (0, 0, PRICES.batch_job)


def test_the_estimate_grows_with_the_work() -> None:
    one, ten = (
        estimate(Chosen.among([image() for _ in range(count)], selection(), SETTINGS).work, SETTINGS, jobs=0)
        for count in (1, 10)
    )
    assert (ten.images, ten.derivatives) == (10, 20)
    for figure in ("cpu_seconds", "usd", "bytes", "usd_a_month"):
        assert getattr(ten, figure) == pytest.approx(10 * getattr(one, figure))
    # 256 and 512 pixels wide AVIFs of a 4:3 picture, and its decode, by the measured figures.
    megapixels = (256 * 192 + 512 * 384) / 1e6
    avif = ENCODERS.reached("avif")
    assert one.cpu_seconds == pytest.approx(0.010 * 12 + megapixels * avif.cpu_ms_per_megapixel / 1000)
    assert one.bytes == pytest.approx(megapixels * 1e6 * avif.bits_per_pixel / 8)
