"""``darkroom upload``: files and folders through the upload API, local or not."""

import os
import threading
from pathlib import Path
from typing import Annotated

import typer
from darkroom_client import (
    Api,
    Failed,
    Journal,
    Observer,
    Source,
    Uploaded,
    Uploader,
    files_below,
)
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

from infra.command.terminal import console, explained
from infra.local.stack import LocalStack
from infra.local.tenant import JOURNAL, tenant_uploader

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="FILES…", exists=True, help="Pictures, and folders of them."),
]


def upload(
    files: Paths,
    *,
    tenant: Annotated[str, typer.Option(help="Whose pictures they are, on the local stack.")] = "demo",
    private: Annotated[bool, typer.Option(help="Seeing them takes a token.")] = False,
    api: Annotated[
        str | None,
        typer.Option(envvar="DARKROOM_API", help="Another API; then --token too."),
    ] = None,
    token: Annotated[str | None, typer.Option(envvar="DARKROOM_TOKEN", help="A bearer token for it.")] = None,
) -> None:
    """Upload pictures and folders of them, and print their ids as they are done.

    Large files go up in parts. After a kill, or where some failed, the same command goes on where it stopped.
    """
    done = failed = retries = 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with (
        explained(),
        Progress(*columns, console=console, transient=True) as progress,
        _uploader(api, token, tenant, _Bars(progress)) as uploader,
    ):
        for result in uploader.upload_all(files_below(files), private=private):
            _print(result)
            failed += isinstance(result, Failed)
            done += isinstance(result, Uploaded)
            retries += result.retries if isinstance(result, Uploaded) else 0
    again = f", {retries} requests tried again" if retries else ""
    console.print(f"{done} uploaded, {failed} not{again}", highlight=False)
    if failed:
        raise typer.Exit(1)


def _uploader(api: str | None, token: str | None, tenant: str, observer: Observer) -> Uploader:
    if api is None:
        return tenant_uploader(LocalStack.attach(), tenant, observer=observer, resume=True)
    if token is None:
        raise typer.BadParameter("expected a bearer token for another API; set DARKROOM_TOKEN or say --token")
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    journal = Journal(state / "darkroom" / JOURNAL, api.rstrip("/"))
    return Uploader(Api(api, token), journal=journal, observer=observer)


def _print(result: Uploaded | Failed) -> None:
    name = escape(str(result.path))
    match result:
        case Failed(error=error):
            console.print(
                f"[red]✗[/] {name}: {escape(str(error))}",
                soft_wrap=True,
                highlight=False,
            )
        case Uploaded(before=True):
            console.print(
                f"[green]✓[/] {name} {result.image_id} [dim]before[/]",
                soft_wrap=True,
                highlight=False,
            )
        case Uploaded():
            console.print(
                f"[green]✓[/] {name} {result.image_id} [dim]{result.seconds:.2f} s[/]",
                soft_wrap=True,
                highlight=False,
            )


class _Bars:
    """A bar for each file under way, and one for all bytes sent."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._tasks: dict[Path, TaskID] = {}
        self._all = progress.add_task("All files", total=0)
        self._total = 0

    def started(self, source: Source) -> None:
        with self._lock:
            self._total += source.bytes
            self._progress.update(self._all, total=self._total)
            self._tasks[source.path] = self._progress.add_task(escape(source.path.name), total=source.bytes)

    def sent(self, source: Source, size: int) -> None:
        self._progress.advance(self._all, size)
        self._progress.advance(self._tasks[source.path], size)

    def ended(self, source: Source) -> None:
        with self._lock:
            self._progress.remove_task(self._tasks.pop(source.path))
