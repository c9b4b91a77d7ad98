"""Metrics that AWS publishes and the emulator does not: of queues, and of functions however they are invoked.

``AWS/SQS`` NumberOfMessagesSent is counted where messages come in; the number of visible and of in-flight messages
and the age of the oldest are sampled. For ``AWS/Lambda``, the emulator counts only calls of its Invoke API; here every
execution counts, those of state machines too, and a throttled one is no invocation, as in AWS.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from infra.local.emulator.patching import PatchError, original

SAMPLE_SECONDS = 5.0
_IDLE_SECONDS = 60.0  # an empty queue is reported less often: every point is kept in memory
_QUEUES, _FUNCTIONS = "AWS/SQS", "AWS/Lambda"

logger = logging.getLogger(__name__)


def apply_patches() -> None:
    """Patch the emulator's modules in this process, and begin to sample its queues.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack.core import responses
    from ministack.services import cloudwatch, eventbridge, lambda_svc, sqs

    record: Callable[..., None] = original(cloudwatch, "record_metric")
    _count_sent(sqs, eventbridge, record)
    _note_executions(lambda_svc, record)
    scope = original(responses, "request_scope")
    threading.Thread(target=_sample, args=(sqs, scope, record), name="queue-metrics", daemon=True).start()


def _count_sent(sqs: Any, eventbridge: Any, record: Callable[..., None]) -> None:
    send: Callable[..., dict[str, Any]] = original(sqs, "_act_send_message")
    deliver: Callable[..., None] = original(eventbridge, "_dispatch_to_sqs")
    handlers: dict[str, Any] = original(sqs, "_HANDLERS")
    if handlers.get("SendMessage") is not send:
        raise PatchError("expected the emulator's SQS to send by _act_send_message but it does not")

    def send_and_count(data: dict[str, Any], url: str) -> Any:
        answer = send(data, url)
        record(_QUEUES, "NumberOfMessagesSent", 1, "Count", {"QueueName": url.rpartition("/")[2]})
        return answer

    def deliver_and_count(spec: Any, payload: Any, *arguments: Any) -> None:
        deliver(spec, payload, *arguments)
        record(_QUEUES, "NumberOfMessagesSent", 1, "Count", {"QueueName": str(spec.resource)})

    sqs._act_send_message = handlers["SendMessage"] = send_and_count
    eventbridge._dispatch_to_sqs = deliver_and_count


def _note_executions(lambda_svc: Any, record: Callable[..., None]) -> None:
    acquire: Callable[..., tuple[Any, Any]] = original(lambda_svc, "_acquire_execution_slot")
    release: Callable[[Any], None] = original(lambda_svc, "_release_execution_slot")
    execute: Callable[..., dict[str, Any]] = original(lambda_svc, "_execute_function_warm")
    original(lambda_svc, "_emit_lambda_metrics")
    in_flight: dict[Any, int] = original(lambda_svc, "_inflight")
    running = threading.local()  # an execution begins and ends in one thread

    def acquire_and_note(function: dict[str, Any], config: dict[str, Any]) -> tuple[Any, Any]:
        slot, limit = acquire(function, config)
        if slot is not None:
            name = {"FunctionName": str(config.get("FunctionName"))}
            running.begun = [*getattr(running, "begun", []), (name, time.monotonic())]
            record(_FUNCTIONS, "ConcurrentExecutions", in_flight.get(slot, 1), "Count", name)
        return slot, limit

    def release_and_note(slot: Any) -> None:
        release(slot)
        if slot is not None and getattr(running, "begun", []):
            name, began = running.begun.pop()
            record(_FUNCTIONS, "Invocations", 1, "Count", name)
            record(_FUNCTIONS, "Duration", (time.monotonic() - began) * 1000, "Milliseconds", name)

    def execute_and_note(function: dict[str, Any], *arguments: Any, **options: Any) -> dict[str, Any]:
        answer = execute(function, *arguments, **options)
        name = {"FunctionName": str((function.get("config") or function).get("FunctionName"))}
        record(_FUNCTIONS, "Errors", 1 if answer.get("error") else 0, "Count", name)
        return answer

    def note_throttle(name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        # Called twice for an invocation that the Invoke API throttled, the second time with a duration.
        record(_FUNCTIONS, "Throttles", 1 if throttle and not duration_ms else 0, "Count", {"FunctionName": name})

    lambda_svc._acquire_execution_slot = acquire_and_note
    lambda_svc._release_execution_slot = release_and_note
    lambda_svc._execute_function_warm = execute_and_note
    lambda_svc._emit_lambda_metrics = note_throttle


def _sample(sqs: Any, scope: Callable[..., Any], record: Callable[..., None]) -> None:
    reported: dict[Any, float] = {}
    while True:
        time.sleep(SAMPLE_SECONDS)
        for key, queue in list(sqs._queues._data.items()):
            try:
                figures = queue_figures(list(queue["messages"]), time.time())
                if any(figures.values()) or time.monotonic() - reported.get(key, -_IDLE_SECONDS) >= _IDLE_SECONDS:
                    reported[key] = -_IDLE_SECONDS if any(figures.values()) else time.monotonic()
                    account, region, url = key
                    with scope(account, region):
                        for name, value in figures.items():
                            record(_QUEUES, name, value, "None", {"QueueName": url.rpartition("/")[2]})
            except (KeyError, RuntimeError):  # the queue was deleted or changed meanwhile
                logger.debug("no sample of %s", key)


def queue_figures(messages: list[dict[str, Any]], now: float) -> dict[str, float]:
    """Return the figures of a queue that holds ``messages`` at ``now``, in seconds since the epoch."""
    visible = sum(message.get("visible_at", 0) <= now for message in messages)
    oldest = min((message.get("sent_at", now) for message in messages), default=now)
    return {
        "ApproximateNumberOfMessagesVisible": float(visible),
        "ApproximateNumberOfMessagesNotVisible": float(len(messages) - visible),
        "ApproximateAgeOfOldestMessage": round(now - oldest, 3),
    }
