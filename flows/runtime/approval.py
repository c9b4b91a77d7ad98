"""A person asked in the middle of a run, in Prefect's UI, before anything that cannot be undone."""

from typing import Any, Literal, TypeVar
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Cancelled, Failed, Running
from pydantic import Field

_POLL_SECONDS = 2


class NotApprovedError(Exception):
    """Nothing may be done: the message says why; ``rejected`` tells an answer from none."""

    def __init__(self, message: str, *, rejected: bool) -> None:
        super().__init__(message)
        self.rejected = rejected

    @property
    def state(self) -> State[Any]:
        """The state in which the run ends."""
        if self.rejected:
            return Cancelled(name="Rejected", message=str(self))
        return Failed(name="ApprovalNeverCame", message=str(self))


class Approval(RunInput):
    """Approve, or reject."""

    decision: Literal["approve", "reject"] = Field(description="Whether it is to be done.")
    reason: str = Field(default="", description="Kept with the record of the run.")


Question = TypeVar("Question", bound=Approval)


def ask(question: type[Question], seconds: int) -> Question:
    """Pause the run until somebody answers ``question`` in the UI; return the answer, which is an approval.

    Raises:
        NotApprovedError: it was rejected, or ``seconds`` went by without an answer.
    """
    get_run_logger().info("Paused for approval: answer by Resume on this run's page, within %d s", seconds)
    try:
        answer = pause_flow_run(wait_for_input=question, timeout=seconds, poll_interval=_POLL_SECONDS)
    except FlowPauseTimeout as error:
        _go_on()
        raise NotApprovedError(
            f"approval never came within {seconds} s; nothing was changed", rejected=False
        ) from error
    if answer.decision == "reject":
        because = f": {answer.reason}" if answer.reason else ""
        raise NotApprovedError(f"rejected{because}; nothing was changed", rejected=True)
    return answer


def _go_on() -> None:
    """Take the run out of its pause, whose end the server else would word itself."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(str(flow_run.id)), Running(), force=True)


def question_about(what: str) -> type[Approval]:
    """Return the question whether to do ``what``, a description in Markdown."""
    return Approval.with_initial_data(description=what)
