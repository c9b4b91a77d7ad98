"""The deployments of ``prefect.yaml``, which both ``prefect deploy`` and ``flows.serve`` read."""

from pathlib import Path
from typing import Any

import yaml
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = Path(__file__).resolve().parents[2] / "prefect.yaml"


class DeploymentsError(ValueError):
    """``prefect.yaml`` is not what it should be; the message says where."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CronSchedule(_Table):
    """When a deployment runs by itself; ``parameters`` are laid over the deployment's."""

    cron: str
    timezone: str
    slug: str | None = None
    active: bool = True
    parameters: dict[str, Any] = {}


class Deployment(_Table):
    """One flow with its default parameters, schedules and limits; ``entrypoint`` is ``file.py:function``."""

    name: str
    description: str
    entrypoint: str
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}
    schedules: tuple[CronSchedule, ...] = ()
    concurrency_limit: int | ConcurrencyLimitConfig | None = Field(None, description="Runs at the same time.")
    work_pool: dict[str, Any] = Field({}, description="Where a team's workers find it; nothing to a served one.")

    def serve(self, stage: str) -> RunnerDeployment:
        """Return it for ``prefect.serve``, on ``stage``."""
        return RunnerDeployment.from_entrypoint(
            entrypoint=self.entrypoint,
            name=self.name,
            description=self.description,
            tags=list(self.tags),
            parameters={**self.parameters, "stage": stage},
            schedules=[
                Cron(
                    each.cron,
                    timezone=each.timezone,
                    active=each.active,
                    parameters=each.parameters,
                    slug=each.slug,
                )
                for each in self.schedules
            ],
            concurrency_limit=self.concurrency_limit,
        )


def read_deployments(file: Path = FILE) -> list[Deployment]:
    """Read every deployment of ``file``.

    Raises:
        DeploymentsError: the file is missing, or an entry is malformed.
    """
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
        return [Deployment.model_validate(entry) for entry in entries]
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise DeploymentsError(f"expected deployments in {file} but received {faults}") from error
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DeploymentsError(f"expected a list of deployments in {file} but received {error!r}") from error
