"""``darkroom upload``, ``focus``, ``url``, ``explain``: pictures, and what the edge does with a request for one."""

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode, urlsplit

import typer
from rich.markup import escape

from infra.command.deployment import Deployment, OnAws
from infra.command.terminal import console, reported_errors
from infra.local.errors import LocalStackError

if TYPE_CHECKING:
    from darkroom_client import Api, Failed, Observer, Source, Uploaded, Uploader
    from rich.progress import Progress, TaskID

    from infra.local.stack import LocalStack


class ExplanationError(LocalStackError):
    """The request cannot be explained: it is not a URL or header, or the edge does not answer."""


def upload(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", exists=True, help="Pictures, or folders of them.")],
    *,
    tenant: Annotated[str, typer.Option(help="Tenant on the local stack.")] = "demo",
    private: Annotated[bool, typer.Option(help="Viewers need a token to see them.")] = False,
    focus: Annotated[
        str | None, typer.Option(metavar="X,Y", help="What crops keep in view: fractions of width and height.")
    ] = None,
    api: Annotated[
        str | None, typer.Option(envvar="DARKROOM_API", help="Address of another upload API; needs --token.")
    ] = None,
    token: Annotated[str | None, typer.Option(envvar="DARKROOM_TOKEN", help="Bearer token for that API.")] = None,
) -> None:
    """Upload pictures and print their ids.

    Large files are sent in parts. After an interruption, or if some files
    failed, the same command resumes.

    Example:
      darkroom upload photo.jpg holidays/
      darkroom upload photo.jpg --api "$(darkroom find upload-api-url --aws)"
    """
    done = failed = retries = 0
    point = None if focus is None else _point(focus)
    with reported_errors():
        from darkroom_client import Failed, files_below
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
        with (
            Progress(*columns, console=console, transient=True) as progress,
            _uploader(api, token, tenant, _Bars(progress)) as uploader,
        ):
            for result in uploader.upload_all(files_below(files), private=private, focus=point):
                _print(result)
                if isinstance(result, Failed):
                    failed += 1
                else:
                    done += 1
                    retries += result.retries
    retried = f", {retries} requests retried" if retries else ""
    console.print(f"{done} uploaded, {failed} failed{retried}", highlight=False)
    if failed:
        raise typer.Exit(1)


def focus(
    image_id: Annotated[str, typer.Argument(metavar="ID", help="The picture's id.")],
    point: Annotated[
        str, typer.Argument(metavar="X,Y", help="Fractions of width and height, or none: as the settings say.")
    ],
    *,
    tenant: Annotated[str, typer.Option(help="Tenant on the local stack.")] = "demo",
    api: Annotated[
        str | None, typer.Option(envvar="DARKROOM_API", help="Address of another upload API; needs --token.")
    ] = None,
    token: Annotated[str | None, typer.Option(envvar="DARKROOM_TOKEN", help="Bearer token for that API.")] = None,
) -> None:
    """Change what the crops of a picture keep in view.

    Crops that exist are drawn again on their next request.

    Example:
      darkroom focus ID 0.5,0.3
    """
    with reported_errors():
        chosen = None if point == "none" else _point(point)
        with _client(api, token, tenant) as client:
            client.set_focus(image_id, chosen)
    console.print(
        f"Crops of {image_id} keep {point} in view" if chosen else f"{image_id} has no focus", highlight=False
    )


def _point(text: str) -> tuple[float, float]:
    x, comma, y = text.partition(",")
    try:
        point = float(x), float(y)
    except ValueError:
        point = (-1.0, -1.0)
    if not comma or not all(0 <= each <= 1 for each in point):
        raise typer.BadParameter(f"expected X,Y of two numbers from 0 to 1 for a focus but received {text!r}")
    return point


def url(
    image_id: Annotated[str, typer.Argument(metavar="ID", help="The picture's id.")],
    width: Annotated[int | None, typer.Option("--width", "-w", min=1, help="Width in CSS pixels.")] = None,
    dpr: Annotated[float | None, typer.Option(help="Device pixels per CSS pixel.")] = None,
    ar: Annotated[str | None, typer.Option(help="Crop to an aspect ratio, such as 16:9.")] = None,
    fmt: Annotated[str | None, typer.Option(help="auto, avif, webp, jpeg or png. Default: negotiated.")] = None,
    *,
    aws: OnAws = False,
) -> None:
    """Print the address of a picture."""
    with reported_errors():
        from lambdas.core.keys import parse_image_id

        parameters = {"w": width, "dpr": dpr, "ar": ar, "fmt": fmt}
        query = urlencode({name: value for name, value in parameters.items() if value is not None}, safe=":")
        path = f"/img/{parse_image_id(image_id)}"
        typer.echo(f"{Deployment.chosen(on_aws=aws).parameter('delivery-url')}{path}{f'?{query}' if query else ''}")


def explain(
    url: Annotated[str, typer.Argument(help="A picture's URL or path, such as /img/…?w=800.")],
    header: Annotated[
        list[str] | None, typer.Option("-H", "--header", help="A request header, as for curl; repeatable.")
    ] = None,
) -> None:
    """Show what the local edge does with a request.

    The rewritten path and why, the cache key, what is cached, and the origin.

    Example:
      darkroom explain "/img/ID?w=400" -H "Accept: image/avif,image/*"
    """
    with reported_errors():
        from infra.local.stack import LocalStack

        steps = explain_request(LocalStack.attach(), url, header or [])
        for line in format_explanation(steps):
            console.print(line, highlight=False, soft_wrap=True)


def explain_request(stack: "LocalStack", url: str, headers: list[str]) -> dict[str, Any]:
    """Return the steps that the edge of ``stack`` reports for a request.

    Raises:
        ExplanationError: a header has no colon, the URL no path, or the edge does not answer.
    """
    import httpx

    pairs = []
    for text in headers:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise ExplanationError(f"expected 'Name: value' for a header but received {text!r}")
        pairs.append([name.strip(), value.strip()])
    parts = urlsplit(url)
    if not parts.path.startswith("/"):
        raise ExplanationError(f"expected a URL with a path but received {url!r}")
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        steps: dict[str, Any] = stack.edge_control("explain", {"target": target, "headers": pairs})
    except httpx.HTTPError as error:
        raise ExplanationError(f"the edge at {stack.edge_url} does not answer: {error}") from error
    return steps


def format_explanation(steps: dict[str, Any]) -> list[str]:
    """Return ``steps`` as lines for a terminal, in Rich's markup."""
    lines = [f"[bold]Behavior[/]    {escape(steps['behavior'])}"]
    if "refused" in steps:
        refused = steps["refused"]
        lines.append(f"[bold]Refused[/]     {refused['status']} {escape(refused['message'])}")
    else:
        lines.append(f"[bold]Rewritten[/]   {escape(steps['path'])}")
    for reason in steps["because"]:
        otherwise = reason["without"]
        effect = "changes nothing" if otherwise is None else f"without it: {otherwise}"
        lines.append(f"  [bold]because[/]   {escape(reason['sent'])}  [dim]{escape(effect)}[/]")
    if "refused" in steps:
        return lines
    lines.append(f"[bold]Cache key[/]   {escape(steps['cache_key'])}")
    lines.append(f"[bold]In cache[/]    {_format_cached(steps['cached'])}")
    failover = f" (the next one on {', '.join(map(str, steps['fails_over_on']))})" if steps["fails_over_on"] else ""
    origins = " ▸ ".join(f"{o['id']} {o['bucket']} in {o['region']}" for o in steps["origins"])
    lines.append(f"[bold]Origin[/]      {escape(origins + failover)}")
    return lines


def _format_cached(cached: dict[str, Any] | None) -> str:
    if cached is None:
        return "nothing: it would be fetched, and made if missing"
    return f"{cached['status']}, {cached['state']}, {cached['age']} s old, fresh for another {cached['fresh_for']} s"


def _uploader(api: str | None, token: str | None, tenant: str, observer: "Observer") -> "Uploader":
    from darkroom_client import Journal, Uploader

    if api is None:
        from infra.local.stack import LocalStack
        from infra.local.tenant import tenant_uploader

        return tenant_uploader(LocalStack.attach(), tenant, observer=observer, resume=True)
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return Uploader(
        _client(api, token, tenant), journal=Journal(state / "darkroom" / "uploads.sqlite3", api), observer=observer
    )


def _client(api: str | None, token: str | None, tenant: str) -> "Api":
    from darkroom_client import Api

    if api is None:
        from infra.local.stack import LocalStack
        from infra.local.tenant import tenant_api

        return tenant_api(LocalStack.attach(), tenant)
    if token is None:
        raise typer.BadParameter("expected a bearer token for --api: add --token or set DARKROOM_TOKEN")
    return Api(api, token)


def _print(result: "Uploaded | Failed") -> None:
    from darkroom_client import Failed

    name = escape(str(result.path))
    if isinstance(result, Failed):
        line = f"[red]✗[/] {name}: {escape(str(result.error))}"
    elif result.before:
        line = f"[green]✓[/] {name} {result.image_id} [dim]uploaded before[/]"
    else:
        line = f"[green]✓[/] {name} {result.image_id} [dim]{result.seconds:.2f} s[/]"
    console.print(line, soft_wrap=True, highlight=False)


class _Bars:
    """A progress bar for each file in progress, and one for all bytes."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._tasks: dict[Path, TaskID] = {}
        self._all = progress.add_task("All files", total=0)
        self._total = 0

    def started(self, source: "Source") -> None:
        with self._lock:
            self._total += source.bytes
            self._progress.update(self._all, total=self._total)
            self._tasks[source.path] = self._progress.add_task(escape(source.path.name), total=source.bytes)

    def sent(self, source: "Source", size: int) -> None:
        self._progress.advance(self._all, size)
        self._progress.advance(self._tasks[source.path], size)

    def ended(self, source: "Source") -> None:
        with self._lock:
            self._progress.remove_task(self._tasks.pop(source.path))
