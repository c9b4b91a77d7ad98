"""Reserved concurrency of functions, read from Lambda and changed function by function, all or none."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import ClientError

from lambdas.core.settings.lanes import UNRESERVED_CONCURRENCY

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

PATIENT = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, connect_timeout=5, read_timeout=20)
"""Client configuration: botocore backs off when throttled, up to a minute in all, and then sends fewer requests."""

Reservations = Mapping[str, int | None]
"""Concurrent executions by function name; None for one without a reservation."""


class NotAppliedError(Exception):
    """A change failed and was rolled back; the message says why."""


class HalfAppliedError(Exception):
    """A change failed and could not be rolled back completely; the message says where."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Lambda's control plane, with at most ``per_second`` requests."""

    client: "LambdaClient"
    per_second: float
    sleep: Callable[[float], None] = time.sleep

    def read(self, functions: Iterable[str]) -> dict[str, int | None]:
        """Return the reservation of each of ``functions``.

        Raises:
            ClientError: Lambda refused, or throttled beyond the client's retries.
        """
        return {name: self._read(name) for name in functions}

    def budget(self, ours: int, quota: int) -> int:
        """Return what all lanes together may reserve.

        That is the account's limit (Lambda's or the settings' ``quota``, whichever is lower), minus the concurrency
        that must stay unreserved, minus the reservations of other functions. ``ours`` is the lanes' current sum.

        Raises:
            ClientError: as :meth:`read`.
        """
        self._pace()
        limit = self.client.get_account_settings()["AccountLimit"]
        reserved = limit["ConcurrentExecutions"] - limit["UnreservedConcurrentExecutions"]
        allowed = min(limit["ConcurrentExecutions"], quota) - UNRESERVED_CONCURRENCY
        return max(0, allowed - max(0, reserved - ours))

    def apply(self, wanted: Reservations, before: Reservations) -> None:
        """Set the reservations that differ from ``before``; those that shrink come first, to make room.

        Raises:
            NotAppliedError: one was refused, and all were rolled back.
            HalfAppliedError: one was refused, and not all were rolled back.
        """
        growth = {name: (wanted[name] or 0) - (before[name] or 0) for name in wanted if wanted[name] != before[name]}
        done: list[str] = []
        for name in sorted(growth, key=lambda each: (growth[each], each)):
            done.append(name)
            try:
                self._set(name, wanted[name])
            except ClientError as error:
                self._roll_back(done, before)
                raise NotAppliedError(f"expected Lambda to reserve {wanted[name]} for {name} but: {error}") from error

    def _roll_back(self, names: Iterable[str], before: Reservations) -> None:
        left = []
        for name in reversed(list(names)):
            try:
                self._set(name, before[name])
            except ClientError as error:
                left.append(f"{name} (before: {before[name]}): {error}")
        if left:
            raise HalfAppliedError(f"rolling back failed for {'; '.join(left)}")

    def _read(self, name: str) -> int | None:
        self._pace()
        return self.client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")

    def _set(self, name: str, executions: int | None) -> None:
        self._pace()
        if executions is None:
            self.client.delete_function_concurrency(FunctionName=name)
        else:
            self.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=executions)

    def _pace(self) -> None:
        self.sleep(1 / self.per_second)
