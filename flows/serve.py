"""Serve every deployment of ``prefect.yaml`` from one process: ``python -m flows.serve``.

For one machine: every run that the server schedules is started here as a process. A team deploys the same file to a
work pool instead: ``prefect deploy --all``.
"""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.setup import set_up
from lambdas.core.settings import DEFAULT_STAGE, STAGE_VARIABLE, SettingsError, load_settings
from operations.discovery import NotDeployedError

FILE = Path(__file__).resolve().parents[1] / "prefect.yaml"
_RUNS_AT_ONCE = 4


class DeploymentsError(ValueError):
    """``prefect.yaml`` is missing or malformed; the message says where."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CronSchedule(_Table):
    """A schedule of a deployment; its ``parameters`` override the deployment's."""

    cron: str
    timezone: str
    slug: str | None = None
    active: bool = True
    parameters: dict[str, Any] = {}


class Deployment(_Table):
    """A flow with default parameters, schedules and limits; ``entrypoint`` is ``file.py:function``."""

    name: str
    description: str
    entrypoint: str
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}
    schedules: tuple[CronSchedule, ...] = ()
    concurrency_limit: int | ConcurrencyLimitConfig | None = Field(None, description="Concurrent runs.")
    work_pool: dict[str, Any] = Field({}, description="For prefect deploy; ignored when served.")

    def serve(self, stage: str) -> RunnerDeployment:
        """Return the deployment for ``prefect.serve``, on ``stage``."""
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


app = typer.Typer(add_completion=False)


@app.command()
def main(
    stage: Annotated[str, typer.Option(envvar=STAGE_VARIABLE, help="Stage that the flows work on.")] = DEFAULT_STAGE,
) -> None:
    """Set up the Prefect server of PREFECT_API_URL and serve every deployment until interrupted."""
    os.chdir(FILE.parent)  # entrypoints are relative to it
    try:
        deployments = read_deployments()
        set_up(load_settings(stage=stage))
        served = [each.serve(stage) for each in deployments]
    except (DeploymentsError, SettingsError, NotDeployedError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    serve(*served, limit=_RUNS_AT_ONCE)


if __name__ == "__main__":
    app()
