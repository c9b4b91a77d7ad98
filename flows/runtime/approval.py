"""Approval by a person in Prefect's UI, before an irreversible step of a run."""

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

from lambdas.core.settings import Settings
from operations.approval import Approve, NotApprovedError

_POLL_SECONDS = 2


def approval_state(error: NotApprovedError) -> State[Any]:
    """Return the final state of a run whose step is not approved."""
    if error.rejected:
        return Cancelled(name="Rejected", message=str(error))
    return Failed(name="ApprovalNeverCame", message=str(error))


class Approval(RunInput):
    """The form in the UI."""

    decision: Literal["approve", "reject"] = Field(description="Whether to proceed.")
    reason: str = Field(default="", description="Kept with the record of the run.")


Form = TypeVar("Form", bound=Approval)


def approval_form(description: str) -> type[Approval]:
    """Return a form that shows ``description``, in Markdown."""
    return Approval.with_initial_data(description=description)


def require_approval(form: type[Form], seconds: int) -> Form:
    """Pause the run until the ``form`` is submitted in the UI; return it if it approves.

    Raises:
        NotApprovedError: it was rejected, or not submitted within ``seconds``.
    """
    get_run_logger().info("Paused for approval: use Resume on this run's page within %d s", seconds)
    try:
        submitted = pause_flow_run(wait_for_input=form, timeout=seconds, poll_interval=_POLL_SECONDS)
    except FlowPauseTimeout as error:
        # Otherwise the server ends the pause with a message of its own.
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(str(flow_run.id)), Running(), force=True)
        raise NotApprovedError(
            f"approval never came within {seconds} s; nothing was changed", rejected=False
        ) from error
    if submitted.decision == "reject":
        because = f": {submitted.reason}" if submitted.reason else ""
        raise NotApprovedError(f"rejected{because}; nothing was changed", rejected=True)
    return submitted


def approve_in_ui(settings: Settings) -> Approve:
    """Return what pauses the run until a warning is approved in the UI."""

    def approve(warning: str) -> None:
        require_approval(approval_form(warning), settings.operations.approval_seconds)

    return approve
