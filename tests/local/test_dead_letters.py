"""What no try could finish: its way to the dead letters, the reason there, and the way back."""

import json
import uuid
from collections.abc import Iterator

import pytest
from lane import Lane, bad_files, no_writes, pictures, quick_retries, wait_until
from typer.testing import CliRunner

from infra.command import app
from infra.local.stack import LocalStack
from infra.local.state import HOME_VARIABLE
from operations.dead_letters.message import DeadMessage

pytestmark = pytest.mark.faults
TENANT = "studio"
TRIES = 2
# How soon a failed message is received again. Shorter than an execution takes on a busy machine: the executions of one
# message then overlap, which SQS allows, and what is drawn meanwhile may need MANY_TRIES.
SECONDS, MANY_TRIES = 2, 50
# When the message was sent, in milliseconds since the epoch, and how often it was received. The second of the
# first message is noted before its first; the first of the second message replaces both.
DELIVERIES = [(1000, 2), (1000, 1), (2000, 1), (1000, 3)]
POISON = ["poison", "{}", '{"detail-type": "Object Created", "detail": {}}']
RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _home(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(stack.folder.home))


@pytest.fixture
def lane(stack: LocalStack) -> Iterator[Lane]:
    """Return a lane whose executions fail soon; it is left as empty as it was found."""
    lane = Lane(stack, TENANT)
    with quick_retries(stack):
        yield lane
        lane.await_empty()
        lane.dead_letters.discard(lambda _letter: True)


def darkroom(*arguments: str) -> str:
    result = RUNNER.invoke(app, ["dead-letters", *arguments], env={"COLUMNS": "300"})
    assert result.exit_code == 0, result.output
    return result.output


def await_dead(lane: Lane, count: int) -> list[DeadMessage]:
    wait_until(lambda: lane.dead_letters.count() == count and not lane.depths().total(), f"{count} dead letters")
    letters: list[DeadMessage] = []

    def all_noted() -> bool:
        # A slow execution of the last try notes why it failed after its message was given up.
        letters[:] = lane.dead_letters.messages()
        return all(letter.failure and letter.failure.attempt >= TRIES for letter in letters)

    wait_until(all_noted, f"{count} notes of the last try")
    return letters


def test_originals_that_could_not_be_stored_come_back_once_they_can(lane: Lane, stack: LocalStack) -> None:
    good, rejected = pictures(5, TENANT), bad_files(2, TENANT)
    with no_writes(stack):
        lane.put(rejected)
        lane.await_outcomes(rejected)
        with lane.redelivery(seconds=SECONDS, tries=TRIES):
            lane.put(good)
            letters = await_dead(lane, len(good))
            listed = darkroom("--lane", TENANT)

    assert {letter.key.image_id for letter in letters if letter.key} == {original.image_id for original in good}
    for letter in letters:
        assert letter.failure is not None
        assert (letter.failure.step, letter.failure.attempt) == ("DeriveGroups", TRIES)
        assert "AccessDenied" in letter.failure.message
        assert letter.key is not None
        assert letter.key.image_id in listed
    assert listed.count("(AccessDenied)") == len(good)

    one, *_ = good
    assert "dry run: 1 dead letter would be redriven." in darkroom("redrive", one.image_id)
    assert lane.dead_letters.count() == len(good), "expected a dry run by default"
    assert one.image_id in darkroom("redrive", one.image_id, "--no-dry-run")
    lane.await_outcomes([one])
    assert lane.dead_letters.count() == len(good) - 1
    assert darkroom("redrive", "--because", "AccessDenied", "--no-dry-run").count("(AccessDenied)") == len(good) - 1
    lane.assert_whole([*good, *rejected])


def test_poison_becomes_dead_letters_and_good_pictures_pass(lane: Lane) -> None:
    good = pictures(4, TENANT)
    with lane.redelivery(seconds=SECONDS, tries=MANY_TRIES):
        for body in POISON:
            lane.send(body)
        lane.put(good)
        lane.await_outcomes(good)
        lane.give_up_after(TRIES)
        letters = await_dead(lane, len(POISON))
        lane.assert_whole(good, dead=len(POISON))
        assert sorted(letter.body for letter in letters) == sorted(POISON)
        for letter in letters:
            assert letter.key is None
            assert letter.reason.startswith(
                "Validate: MalformedEventError: expected an SQS record of an S3 Object Created"
            )

        assert darkroom("redrive", "--all", "--no-dry-run").count("MalformedEventError") == len(POISON)
        assert lane.dead_letters.count() == 0
        again = await_dead(lane, len(POISON))
        assert not {letter.message_id for letter in again} & {letter.message_id for letter in letters}

    assert again[0].message_id in darkroom("discard", again[0].message_id, "--no-dry-run")
    assert lane.dead_letters.count() == len(POISON) - 1


def test_an_earlier_delivery_that_fails_last_does_not_replace_the_note_of_a_later_one(lane: Lane) -> None:
    body = json.dumps({"not": "an S3 event", "seen": uuid.uuid4().hex})
    assert [lane.execute(body, sent_at=sent, received=received) for sent, received in DELIVERIES] == ["SUCCEEDED"] * 4
    lane.stack.client("sqs").send_message(QueueUrl=lane.stack.parameter(f"lane-{TENANT}-dlq-url"), MessageBody=body)
    [letter] = lane.dead_letters.messages()
    assert letter.failure
    assert letter.failure.attempt == 1, "expected the note of the message that was sent last"


def test_a_dead_letter_without_a_noted_failure_says_so(lane: Lane) -> None:
    lane.stack.client("sqs").send_message(
        QueueUrl=lane.stack.parameter(f"lane-{TENANT}-dlq-url"), MessageBody="never tried"
    )
    [letter] = lane.dead_letters.messages()
    assert letter.reason.startswith("no execution recorded a reason")
    assert lane.dead_letters.count() == 1, "expected listing to leave the letter"
    assert [again.message_id for again in lane.dead_letters.messages()] == [letter.message_id]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--lane", "nobody"], "expected a lane of shared, studio but received 'nobody'"),
        (["redrive"], "expected names or a part of the reason, or everything but received none of these"),
        (["redrive", "--all", "--because", "x"], "or everything but received all of these"),
        (["discard"], "expected names or a part of the reason but received none of these"),
    ],
)
def test_invalid_arguments_are_refused(arguments: list[str], expected: str) -> None:
    result = RUNNER.invoke(app, ["dead-letters", *arguments], env={"COLUMNS": "300"})
    assert result.exit_code == 1
    assert expected in result.output


def test_an_unknown_id_redrives_nothing() -> None:
    assert "0 of 0 dead letters redriven." in darkroom("redrive", "0" * 32, "--no-dry-run")


def test_a_throttled_lane_sends_its_message_again(lane: Lane) -> None:
    [original] = pictures(1, TENANT)
    with quick_retries(lane.stack, 0.01), lane.concurrency("derive", 0):
        lane.put([original])
        wait_until(lambda: lane.depths()["delayed"], "the message to be sent anew, for later")
    assert not lane.outcomes([original])
    assert not lane.failures("TooManyRequests")
    assert lane.dead_letters.count() == 0
    lane.stack.client("sqs").purge_queue(QueueUrl=lane.queue_url)
