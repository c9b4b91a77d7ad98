"""What once happened on the local stack, step by step; each of these failed before a picture had one row."""

import pytest
from actors import CROP, EAGER, LAZY, backfill, deliver, post, refocus, row_of, state_of, take_down, view
from schedule import begun, check, client, deliver_next, run_to_end, run_until, settle, shown_before_the_sweep
from scheduler import Actor
from world import ORIGINALS, World

pytestmark = pytest.mark.usefixtures("model")


def next_execution(world: World) -> Actor:
    execution = deliver_next(world)
    assert execution is not None, "expected a message that is due but there is none"
    return execution


def finish(world: World) -> None:
    settle(world)
    check(world)


def test_takedown_while_a_lazy_variant_is_drawn() -> None:
    with begun("ready") as world:
        viewer = client(world, view(LAZY), "viewer")
        run_until(world, viewer, "PutObject model-derivatives")
        run_to_end(world, client(world, take_down, "takedown"))
        finish(world)


def test_takedown_between_a_lazy_variant_and_the_cache() -> None:
    with begun("ready") as world:
        viewer = client(world, view(LAZY), "viewer")
        run_until(world, viewer, "the edge answers 200")
        run_to_end(world, client(world, take_down, "takedown"))
        finish(world)


@pytest.mark.parametrize("before", ["GetObject", "PutObject model-derivatives", "Item model-images"])
def test_takedown_while_a_second_delivery_draws(before: str) -> None:
    """The pipeline of an upload is at work: its message was delivered twice, and one of both is done."""
    with begun("arrived") as world:
        first, second = next_execution(world), deliver(world, world.messages[0])
        run_until(world, second, before)
        run_to_end(world, first)
        run_to_end(world, client(world, take_down, "takedown"))
        finish(world)


@pytest.mark.parametrize("before", ["GetObject", "PutObject model-derivatives", "record", "Item model-images"])
def test_takedown_while_the_pipeline_is_at_work(before: str) -> None:
    with begun("arrived") as world:
        execution = next_execution(world)
        if before == "record":
            run_until(world, execution, "PutObject model-derivatives")
            run_until(world, execution, "Item model-images")
        else:
            run_until(world, execution, before)
        run_to_end(world, client(world, take_down, "takedown"))
        finish(world)


def test_takedown_before_a_drawing_function_is_killed() -> None:
    """Its put takes effect, and its second look at the row never comes; the retry finds no original."""
    with begun("arrived") as world:
        execution = next_execution(world)
        run_until(world, execution, "PutObject model-derivatives")
        victim = next(each for each in world.scheduler.runnable() if each.call and "PutObject" in each.call.text)
        run_to_end(world, client(world, take_down, "takedown"))
        world.note(f"{victim} puts, and dies")
        world.scheduler.step(victim, dies=True)
        run_to_end(world, execution)
        assert not shown_before_the_sweep(world)
        finish(world)


def test_takedown_before_any_bytes() -> None:
    with begun("signed") as world:
        run_to_end(world, client(world, take_down, "takedown"))
        finish(world)


@pytest.mark.parametrize("content", ["red", "blue"])
def test_the_upload_is_sent_again_after_a_takedown(content: str) -> None:
    with begun("form ready") as world:
        run_to_end(world, client(world, take_down, "takedown"))
        run_to_end(world, client(world, post(content), "client"))
        finish(world)


def test_other_bytes_are_sent_while_the_first_are_processed() -> None:
    """Bait and switch: the record names the first bytes, and the derivatives show the second."""
    with begun("form signed") as world:
        run_to_end(world, client(world, post("red"), "client"))
        first = next_execution(world)
        run_until(world, first, "Item model-images")
        run_to_end(world, client(world, post("blue"), "client"))
        second = next_execution(world)
        run_until(world, second, "GetObject")
        run_until(world, first, "PutObject model-derivatives")
        run_to_end(world, first)
        run_to_end(world, second)
        finish(world)


def test_the_upload_is_sent_again_after_it_is_ready() -> None:
    """A client whose answer was lost: the recorded version becomes noncurrent, and expires."""
    with begun("form ready") as world:
        run_to_end(world, client(world, post("red"), "client"))
        finish(world)
        assert world.s3.current(ORIGINALS, next(iter(world.s3.buckets[ORIGINALS]))) is not None


def test_backfill_after_the_recorded_version_expired() -> None:
    with begun("form ready") as world:
        run_to_end(world, client(world, post("red"), "client"))
        settle(world)
        world.move_clock(31 * 86_400)
        world.s3.expire_noncurrent(30)
        run_to_end(world, client(world, backfill, "job"))
        finish(world)


def test_a_viewer_right_after_the_upload() -> None:
    with begun("arrived") as world:
        viewer = run_to_end(world, client(world, view(EAGER), "viewer"))
        assert viewer.value != 404, "expected an answer that says not yet but received never"
        finish(world)


def test_an_original_that_kills_every_execution() -> None:
    """Such as a JPEG of thousands of scans: metadata runs out of time on every try."""
    with begun("arrived") as world:
        while any(not message.settled for message in world.messages):
            due = min(message.visible_at for message in world.messages if not message.settled)
            world.move_clock(max(0.0, due - world.now.timestamp()))
            if world.messages[0].received >= 5:
                break
            execution = next_execution(world)
            world.scheduler.advance()
            while not execution.ended:
                victim = next(each for each in world.scheduler.runnable() if each.name.startswith(execution.name))
                if "/metadata" in victim.name:
                    world.note(f"{victim} runs out of time")
                    world.scheduler.kill(victim)
                else:
                    world.note(f"{victim}: {victim.call.text if victim.call else ''}")
                    world.scheduler.step(victim)
        settle(world)
        assert state_of(world) == "rejected", f"expected a picture that is rejected but it is {state_of(world)}"
        finish(world)


def test_takedown_while_a_backfill_draws() -> None:
    with begun("ready") as world:
        job = client(world, backfill, "job")
        run_until(world, job, "PutObject model-derivatives")
        run_to_end(world, client(world, take_down, "takedown"))
        finish(world)


@pytest.mark.parametrize("before", ["GetObject", "PutObject model-derivatives", "GetItem"])
def test_another_focus_while_a_crop_is_drawn(before: str) -> None:
    with begun("ready") as world:
        viewer = client(world, view(CROP), "viewer")
        run_until(world, viewer, "GetObject")
        run_until(world, viewer, before)
        run_to_end(world, client(world, refocus(0.1), "client"))
        assert run_to_end(world, viewer).value == 200
        finish(world)


def test_another_focus_between_a_crop_and_the_cache() -> None:
    with begun("ready") as world:
        viewer = client(world, view(CROP), "viewer")
        run_until(world, viewer, "the edge answers 200")
        run_to_end(world, client(world, refocus(0.1), "client"))
        finish(world)


def test_another_focus_before_a_drawing_function_is_killed() -> None:
    """Its put takes effect after older crops were looked for, and its second look at the row never comes."""
    with begun("ready") as world:
        viewer = client(world, view(CROP), "viewer")
        victim = run_until(world, viewer, "PutObject model-derivatives")
        run_to_end(world, client(world, refocus(0.1), "client"))
        world.scheduler.step(victim, dies=True)
        finish(world)


@pytest.mark.parametrize("before", ["GetObject", "PutObject model-derivatives", "Item model-images"])
def test_another_focus_while_the_pipeline_is_at_work(before: str) -> None:
    with begun("arrived") as world:
        execution = next_execution(world)
        run_until(world, execution, before)
        run_to_end(world, client(world, refocus(0.1), "client"))
        run_to_end(world, execution)
        finish(world)
        assert "focus" in (row_of(world) or {})


@pytest.mark.parametrize("before", ["PutObject model-derivatives", "UpdateItem model-images"])
def test_another_focus_while_a_backfill_draws(before: str) -> None:
    with begun("ready") as world:
        job = client(world, backfill, "job")
        run_until(world, job, before)
        run_to_end(world, client(world, refocus(0.1), "client"))
        run_to_end(world, job)
        finish(world)


@pytest.mark.parametrize("before", ["UpdateItem model-images", "HeadObject model-derivatives"])
def test_takedown_while_the_focus_is_changed(before: str) -> None:
    with begun("ready") as world:
        run_to_end(world, client(world, view(CROP), "viewer"))
        changing = client(world, refocus(0.1), "client")
        run_until(world, changing, before)
        run_to_end(world, client(world, take_down, "takedown"))
        run_to_end(world, changing)
        finish(world)
        assert state_of(world) == "removed"
