"""Backfill of one image, with stores that change or refuse while it runs; no AWS."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from pictures import corners

from lambdas.backfill import handler as backfill_handler
from lambdas.backfill.draw_missing import Stores, draw_missing
from lambdas.core.aws_errors import is_temporary
from lambdas.core.batch_invocation import Done, Task
from lambdas.core.keys import ImageId, Variant, new_image_id
from lambdas.core.settings import load_settings
from lambdas.core.stores.derivatives import HeldDerivative

SETTINGS = load_settings(stage="dev")
ASKED = (Variant(256, 0, "webp"), Variant(512, 0, "webp"))
CURRENT = SETTINGS.formats.calibration
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class World:
    """An image, its record and its derivatives, in memory."""

    def __init__(self, data: bytes) -> None:
        self.image_id = new_image_id()
        self.key = f"demo/2026-11-25/{self.image_id}"
        self.data = data
        self.record: dict[str, Any] | None = {
            "image_id": self.image_id, "tenant": "demo", "state": "ready",
            "original": {"bucket": "originals", "key": self.key, "version_id": None, "etag": "e"},
            "metadata": {"width": 600, "height": 400, "format": "jpeg"}, "derivatives": {},
        }  # fmt: skip
        self.held: dict[Variant, HeldDerivative] = {}
        self.puts: list[Variant] = []
        self.taken_down_after: Variant | None = None

    def find(self, first: ImageId, variant: Variant | None = None, *, now: bool = False) -> Any:
        """Stand in for both stores: the table finds a record, the bucket a derivative."""
        assert first == self.image_id
        return self.record if variant is None else self.held.get(variant)

    def put(self, _image_id: ImageId, variant: Variant, data: bytes, focus_version: int = 0) -> None:
        self.puts.append(variant)
        self.held[variant] = HeldDerivative(len(data), CURRENT, NOON, focus_version)
        if variant == self.taken_down_after:
            self.record = None

    def add_derivatives(self, _image_id: ImageId, made: Mapping[str, Mapping[str, Any]], _focus_version: int) -> bool:
        if self.record is None:
            return False
        self.record["derivatives"].update(made)
        return True

    def remove(self, _image_id: ImageId, variants: Any) -> None:
        for variant in variants:
            del self.held[variant]

    def backfill(self, before: datetime | None = None) -> Any:
        stores: Any = Stores(self, self, lambda _original: self.data)  # type: ignore[arg-type]
        return draw_missing(
            Task(s3Bucket="originals", s3Key=self.key), ASKED, stores, SETTINGS, seconds=30, before=before
        )


@pytest.fixture
def world() -> World:
    return World(bytes(corners(600, 400).jpegsave_buffer(Q=80)))


def test_an_existing_unrecorded_derivative_is_recorded(world: World) -> None:
    world.held[ASKED[0]] = HeldDerivative(77, CURRENT, NOON, 0)
    done = Done.model_validate_json(world.backfill().text)
    assert (done.made, done.kept) == (1, 1)
    assert world.puts == [ASKED[1]]
    assert world.record
    assert world.record["derivatives"]["256x0.webp"] == {
        "bytes": 77, "width": 256, "height": 171, "calibration": CURRENT,
    }  # fmt: skip
    assert world.record["derivatives"]["512x0.webp"]["width"] == 512


def test_derivatives_stored_before_a_moment_are_redrawn_once(world: World) -> None:
    world.held = dict.fromkeys(ASKED, HeldDerivative(77, CURRENT, NOON - timedelta(seconds=1), 0))
    assert Done.model_validate_json(world.backfill(NOON).text).made == 2
    assert Done.model_validate_json(world.backfill(NOON).text).kept == 2, "expected a retry to find it done"
    assert len(world.puts) == 2


def test_a_takedown_during_the_backfill_leaves_nothing(world: World) -> None:
    world.taken_down_after = ASKED[1]
    result = world.backfill()
    assert (result.code, result.text.partition(":")[0]) == ("PermanentFailure", "removed")
    assert not world.held


def test_variants_drawn_before_a_failure_are_kept_and_recorded(world: World) -> None:
    world.data = world.data[: len(world.data) // 2]
    result = world.backfill()
    assert (result.code, result.text.partition(":")[0]) == ("PermanentFailure", "corrupt")
    assert world.record
    assert set(world.record["derivatives"]) == {str(variant) for variant in world.puts}


def refusal(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Put")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (refusal("SlowDown", 503), "TemporaryFailure"),
        (refusal("ProvisionedThroughputExceededException", 400), "TemporaryFailure"),
        (refusal("Anything", 500), "TemporaryFailure"),
        (refusal("Anything", 429), "TemporaryFailure"),
        (refusal("AccessDenied", 403), "PermanentFailure"),
        (EndpointConnectionError(endpoint_url="http://s3"), "TemporaryFailure"),
        (MemoryError(), "TemporaryFailure"),
    ],
)
def test_a_stores_error_decides_whether_the_task_is_retried(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise error

    monkeypatch.setattr(backfill_handler, "draw_missing", refuse)
    monkeypatch.setattr(backfill_handler, "_stores", lambda _settings: None)
    event = {"job": {"userArguments": {"variants": "256x0.webp"}}}
    task = {"s3Bucket": "b", "s3Key": "k"}
    assert backfill_handler._result(event, task, 30).code == code
    if isinstance(error, ClientError):
        assert is_temporary(error) is (code == "TemporaryFailure")
