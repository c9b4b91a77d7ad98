"""Findings of a preflight, and how a check that may not read something becomes one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from infra.names import Names
from lambdas.core.settings import Settings

State = Literal["ok", "blocker", "warning", "not checked"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found about ``subject``.

    A blocker makes a deployment fail. ``way_out`` says what to do about it, or about a warning.
    """

    subject: str
    state: State
    message: str
    way_out: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The account and stage that a preflight looks at; ``client`` returns a boto3 client of a service in a region."""

    names: Names
    regions: tuple[str, ...]
    """Those that receive code, the primary one first."""
    client: Callable[[str, str], Any]

    @property
    def settings(self) -> Settings:
        """The settings of the stage."""
        return self.names.settings

    @property
    def primary(self) -> str:
        """The primary region."""
        return self.settings.regions.primary

    @property
    def all_regions(self) -> tuple[str, ...]:
        """Every region with a stack, those with log groups alone included."""
        return tuple(dict.fromkeys((*self.regions, *self.settings.storage.edge_log_regions)))


Check = Callable[[Target], Iterator[Finding]]


def run_check(subject: str, check: Check, target: Target) -> Iterator[Finding]:
    """Yield what ``check`` finds; what it may not read is a finding too."""
    try:
        yield from check(target)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "no code")
        yield Finding(subject, "not checked", f"AWS refused {error.operation_name} ({code})")
    except BotoCoreError as error:
        yield Finding(subject, "not checked", f"AWS gave no usable answer ({type(error).__name__})")


def error_code(error: ClientError) -> str:
    """Return the code of an error of AWS: ``NoSuchHostedZone``."""
    return str(error.response.get("Error", {}).get("Code", ""))
