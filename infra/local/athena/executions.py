"""What the emulator cannot know about an execution, kept beside it and written into its answers."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Execution:
    """One query as its client sees it.

    ``scanned_bytes`` is what it reads; ``failure`` is a final state that the emulator
    does not reach by itself (FAILED or CANCELLED) with its reason, or None.
    """

    text: str
    scanned_bytes: int = 0
    failure: tuple[str, str] | None = None


class Executions:
    """The last executions, by id."""

    def __init__(self) -> None:
        self._executions: OrderedDict[str, Execution] = OrderedDict()

    def remember(self, execution_id: str, execution: Execution) -> None:
        """Keep ``execution``; the oldest is forgotten beyond ten thousand."""
        self._executions[execution_id] = execution
        if len(self._executions) > _REMEMBERED:
            self._executions.popitem(last=False)

    def failure(self, execution_id: str) -> tuple[str, str] | None:
        """Return the state and reason of an execution that was refused here."""
        execution = self._executions.get(execution_id)
        return execution.failure if execution else None

    def complete(self, described: dict[str, Any]) -> None:
        """Write into a ``QueryExecution`` of the emulator, in place, what it lacks."""
        execution_id = described.get("QueryExecutionId", "")
        execution = self._executions.get(execution_id)
        if execution is None:
            return
        # The emulator writes <location>/<id>.csv/<id>.csv and says <location>/<id>.csv.
        described["ResultConfiguration"]["OutputLocation"] += f"/{execution_id}.csv"
        described["Query"] = execution.text
        described.setdefault("Statistics", {})["DataScannedInBytes"] = execution.scanned_bytes
        if execution.failure and described["Status"]["State"] not in ("QUEUED", "RUNNING"):
            state, reason = execution.failure
            described["Status"] |= {"State": state, "StateChangeReason": reason}
            described["Status"]["AthenaError"] = {"ErrorCategory": 2, "Retryable": False, "ErrorMessage": reason}


def complete_results(answer: dict[str, Any]) -> None:
    """Write timestamps of a ``GetQueryResults`` answer, in place, as Athena does: with their milliseconds."""
    result = answer["ResultSet"]
    columns = result["ResultSetMetadata"]["ColumnInfo"]
    places = [place for place, column in enumerate(columns) if column["Type"] == "timestamp"]
    for row in result["Rows"]:
        for place in places:
            value = row["Data"][place].get("VarCharValue")
            if value and value != columns[place]["Name"]:
                day, _, time = value.partition(" ")
                seconds, _, fraction = time.partition(".")
                row["Data"][place]["VarCharValue"] = f"{day} {seconds}.{fraction[:3]:0<3}"
