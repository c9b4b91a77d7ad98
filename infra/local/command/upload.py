"""``darkroom upload``: files through the upload API."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from infra.local.command.terminal import console, explained
from infra.local.errors import LocalStackError
from infra.local.stack import LocalStack
from infra.local.upload_client import UploadClient

Files = Annotated[list[Path], typer.Argument(metavar="FILES...", exists=True, dir_okay=False, help="Pictures.")]


def upload(
    files: Files,
    tenant: Annotated[str, typer.Option(help="Whose pictures they are.")] = "demo",
    private: Annotated[bool, typer.Option(help="Seeing them takes a token.")] = False,
) -> None:
    """Upload pictures through the presigned API and print their ids."""
    results = Table("file", "image id", "seconds", box=None, pad_edge=False)
    refused = 0
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with explained():
        stack = LocalStack.attach()
        with (
            UploadClient(stack.upload_api, tenant, stack.settings) as client,
            Progress(*columns, console=console, transient=True) as progress,
        ):
            for file in files:
                task = progress.add_task(escape(file.name), total=file.stat().st_size)
                try:
                    done = client.upload(file, private=private, progress=partial(_advance, progress, task))
                    results.add_row(escape(str(file)), done.image_id, f"{done.seconds:.2f}")
                except (LocalStackError, OSError) as error:
                    refused += 1
                    results.add_row(escape(str(file)), f"[red]{escape(str(error))}[/]", "")
                progress.remove_task(task)
    console.print(results)
    if refused:
        raise typer.Exit(1)


def _advance(progress: Progress, task: TaskID, sent: int) -> None:
    progress.update(task, completed=sent)
