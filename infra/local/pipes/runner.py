"""EventBridge Pipes on one machine: carries messages from queues to Express state machines.

Run as ``python -m infra.local.pipes.runner``. The emulator knows pipes but moves nothing from an SQS queue. On SIGTERM
it waits for running executions. A kill loses nothing: a message is deleted only after its execution succeeded, and what
was in flight is noted in the state folder, so that the next runner goes on with it at once.
"""

import logging
import os
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.endpoint import Endpoint, assume_role, role_client
from infra.local.pipes.in_flight import Batch, InFlight
from infra.local.pipes.pipes import Message, Pipe, PipeCatalog, UnsupportedPipeError, execution_input, failed_messages
from infra.local.state import default_home

# For each pipe: in AWS none waits for another. An execution waits about as long as it draws, so twice the cores
# keeps them busy.
CONCURRENT_EXECUTIONS = 2 * (os.cpu_count() or 1)
_LONG_POLL_SECONDS = 1
_LOOK_SECONDS = 2.0
_RETRY_SECONDS = 1.0
# A message that a killed runner received but did not note comes back after this.
_UNNOTED_SECONDS = 20

log = logging.getLogger("pipes")


class PipeWorker:
    """Carries the messages of one pipe until it is stopped, with the rights of the pipe's role."""

    def __init__(self, pipe: Pipe, endpoint: Endpoint, folder: Path):
        self.pipe = pipe
        session = assume_role(endpoint, pipe.role_arn, f"pipe-{pipe.name}"[:64])
        self._sqs = role_client(endpoint, session, "sqs", pipe.region)
        self._states = role_client(endpoint, session, "stepfunctions", pipe.region)
        self._queue_url = endpoint.client("sqs", pipe.region).get_queue_url(QueueName=pipe.queue_name)["QueueUrl"]
        self._slots = threading.Semaphore(CONCURRENT_EXECUTIONS)
        self._root = endpoint.client("sqs", pipe.region), endpoint.client("stepfunctions", pipe.region)
        self._in_flight = InFlight(folder / pipe.name)
        self._stopping = threading.Event()
        self._executor = ThreadPoolExecutor(CONCURRENT_EXECUTIONS, thread_name_prefix=pipe.name)
        self._receiver = threading.Thread(target=self._receive, name=f"{pipe.name}-receiver")
        for batch in self._in_flight.left():
            self._slots.acquire()
            self._executor.submit(self._resume, batch)
        self._receiver.start()

    def stop(self) -> None:
        """Receive no more, and wait until the running executions have ended."""
        self._stopping.set()
        self._receiver.join()
        self._executor.shutdown(wait=True)

    def _receive(self) -> None:
        while not self._stopping.is_set():
            # A message is received only when an execution can start at once: its visibility timeout is running.
            if not self._slots.acquire(timeout=_LONG_POLL_SECONDS):
                continue
            messages = self._next_batch()
            if messages:
                self._executor.submit(self._carry, messages)
            else:
                self._slots.release()

    def _next_batch(self) -> list[Message]:
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(self.pipe.batch_size, 10),
                WaitTimeSeconds=_LONG_POLL_SECONDS,
                VisibilityTimeout=_UNNOTED_SECONDS,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except (BotoCoreError, ClientError) as error:
            log.warning("%s: cannot receive: %s", self.pipe.name, error)
            self._stopping.wait(_RETRY_SECONDS)
            return []
        messages: list[Message] = answer.get("Messages", [])
        return messages

    def _carry(self, messages: list[Message]) -> None:
        batch = Batch(uuid.uuid4().hex, messages)
        try:
            self._in_flight.note(batch)
            self._hide(messages)
            started = time.monotonic()
            execution = self._states.start_sync_execution(
                stateMachineArn=self.pipe.state_machine_arn,
                name=batch.execution,
                input=execution_input(self.pipe, messages),
            )
            self._settle(batch, execution, started)
        except (BotoCoreError, ClientError) as error:
            self._in_flight.forget(batch)
            ids = ", ".join(message["MessageId"] for message in messages)
            log.warning("%s: %s stay in the queue: %s", self.pipe.name, ids, error)
        finally:
            self._slots.release()

    def _hide(self, messages: list[Message]) -> None:
        """Hide messages for as long as their queue says."""
        sqs, _ = self._root
        attributes = sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["VisibilityTimeout"])
        self._show_after(messages, int(attributes["Attributes"]["VisibilityTimeout"]))

    def _show_after(self, messages: list[Message], seconds: int) -> None:
        sqs, _ = self._root
        for message in messages:
            sqs.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=seconds
            )

    def _settle(self, batch: Batch, execution: dict[str, Any], started: float) -> None:
        failed = failed_messages(batch.messages, execution)
        for message in batch.messages:
            if message["MessageId"] not in failed:
                self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        self._in_flight.forget(batch)
        self._report(batch.messages, execution, failed, time.monotonic() - started)

    def _resume(self, batch: Batch) -> None:
        """Go on with what a killed runner had in flight: its execution continues in the emulator, or never began."""
        _, states = self._root
        arn = f"{self.pipe.state_machine_arn.replace(':stateMachine:', ':execution:')}:{batch.execution}"
        try:
            started = time.monotonic()
            while (execution := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
                if self._stopping.wait(_RETRY_SECONDS):
                    return
            self._settle(batch, execution, started)
        except states.exceptions.ExecutionDoesNotExist:
            self._show_after(batch.messages, 0)
            self._in_flight.forget(batch)
        except (BotoCoreError, ClientError) as error:
            log.warning("%s: cannot resume %s: %s", self.pipe.name, batch.execution, error)
        finally:
            self._slots.release()

    def _report(self, messages: list[Message], execution: dict[str, Any], failed: set[str], seconds: float) -> None:
        for message in messages:
            identifier = message["MessageId"]
            if identifier in failed:
                cause = f"{execution.get('error', '')} {execution.get('cause', '')}".strip()
                log.warning(
                    "%s: %s failed after %.2f s (%s, received %s times) %s",
                    self.pipe.name, identifier, seconds, execution["status"],
                    message.get("Attributes", {}).get("ApproximateReceiveCount", "?"), cause,
                )  # fmt: skip
            else:
                log.info("%s: %s done in %.2f s", self.pipe.name, identifier, seconds)


class PipeRunner:
    """Runs every pipe, and follows pipes that are created and deleted."""

    def __init__(self, endpoint: Endpoint, folder: Path):
        self._endpoint = endpoint
        self._folder = folder
        self._catalog = PipeCatalog(endpoint)
        self._workers: dict[Pipe, PipeWorker] = {}

    def run(self, stopping: threading.Event) -> None:
        """Carry messages until ``stopping`` is set; then wait for running executions."""
        while not stopping.is_set():
            try:
                self._follow(self._catalog.running())
            except UnsupportedPipeError as error:
                log.error("%s", error)
            except (BotoCoreError, ClientError) as error:
                log.warning("cannot list pipes: %s", error)
            stopping.wait(_LOOK_SECONDS)
        self._follow([])

    def _follow(self, pipes: list[Pipe]) -> None:
        for pipe in self._workers.keys() - set(pipes):
            self._workers.pop(pipe).stop()
            log.info("%s: stopped", pipe.name)
        for pipe in set(pipes) - self._workers.keys():
            self._workers[pipe] = PipeWorker(pipe, self._endpoint, self._folder)
            log.info("%s: from %s to %s, %d at once", pipe.name, pipe.queue_arn, pipe.state_machine_arn,
                     CONCURRENT_EXECUTIONS)  # fmt: skip


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    PipeRunner(Endpoint.from_environment(), default_home() / "pipes").run(stopping)


if __name__ == "__main__":
    main()
