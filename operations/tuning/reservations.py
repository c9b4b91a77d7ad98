"""Reserved concurrency as Lambda has it: read, and changed one function after the other, all or none."""

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
"""Of the client: throttled, botocore waits longer each time, up to a minute in all, and asks less often after that."""

Reservations = Mapping[str, int | None]
"""Executions at once by the function's name; None for one without a reservation."""


class NotAppliedError(Exception):
    """A change failed, and everything is again as it was: the message says why."""


class HalfAppliedError(Exception):
    """A change failed, and what was before could not be put back: the message says where."""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Lambda's control plane, asked by one caller and no faster than ``per_second``."""

    client: "LambdaClient"
    per_second: float
    sleep: Callable[[float], None] = time.sleep

    def read(self, functions: Iterable[str]) -> dict[str, int | None]:
        """Return what is reserved for each of ``functions``.

        Raises:
            ClientError: Lambda refused, or throttled for longer than the client waits.
        """
        return {name: self._read(name) for name in functions}

    def budget(self, ours: int, quota: int) -> int:
        """Return what lanes may reserve together.

        That is the account's limit, by Lambda or by the settings' ``quota``, less what Lambda keeps unreserved, less
        what functions of others reserve. ``ours`` is what lanes reserve now.

        Raises:
            ClientError: as :meth:`read`.
        """
        self._pace()
        limit = self.client.get_account_settings()["AccountLimit"]
        reserved = limit["ConcurrentExecutions"] - limit["UnreservedConcurrentExecutions"]
        allowed = min(limit["ConcurrentExecutions"], quota) - UNRESERVED_CONCURRENCY
        return max(0, allowed - max(0, reserved - ours))

    def apply(self, wanted: Reservations, before: Reservations) -> None:
        """Set what is ``wanted`` where it differs from ``before``; what shrinks goes first, to make room.

        Raises:
            NotAppliedError: one was refused, and what was before is there again.
            HalfAppliedError: one was refused, and not all that was before is there again.
        """
        growth = {name: (wanted[name] or 0) - (before[name] or 0) for name in wanted if wanted[name] != before[name]}
        done: list[str] = []
        for name in sorted(growth, key=lambda each: (growth[each], each)):
            done.append(name)
            try:
                self._set(name, wanted[name])
            except ClientError as error:
                self._put_back(done, before)
                raise NotAppliedError(f"expected Lambda to reserve {wanted[name]} for {name} but: {error}") from error

    def _put_back(self, names: Iterable[str], before: Reservations) -> None:
        left = []
        for name in reversed(list(names)):
            try:
                self._set(name, before[name])
            except ClientError as error:
                left.append(f"{name} (before: {before[name]}): {error}")
        if left:
            raise HalfAppliedError(f"expected to put back what was before but failed for {'; '.join(left)}")

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
