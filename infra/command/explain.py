"""``darkroom explain``: what the edge would do with a URL and headers, step by step."""

from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from infra.command.terminal import explained
from infra.local.errors import LocalStackError
from infra.local.stack import LocalStack

Url = Annotated[str, typer.Argument(help="A picture's URL or path, such as /img/…?w=800.")]
Header = Annotated[
    list[str] | None, typer.Option("-H", "--header", help="A header that the viewer sends, as curl takes it.")
]


class ExplanationError(LocalStackError):
    """There is nothing to explain: what was asked is no URL or header, or the edge does not answer."""


def explain(url: Url, header: Header = None) -> None:
    """Show what the edge makes of a URL: the rewritten path and why, the cache key, what is cached, which origin."""
    with explained():
        steps = ask_edge(LocalStack.attach().edge_url, url, header or [])
    console = Console(highlight=False, soft_wrap=True)
    for line in lines(steps):
        console.print(line)


def ask_edge(edge_url: str, url: str, headers: list[str]) -> dict[str, Any]:
    """Return the steps as the running edge tells them.

    Raises:
        ExplanationError: a header has no colon, the URL no path, or the edge does not answer.
    """
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
        answer = httpx.post(
            f"{edge_url}/_edge/explain", json={"target": target, "headers": pairs}, trust_env=False, timeout=30
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise ExplanationError(f"expected the edge at {edge_url} to answer but received: {error}") from error
    steps: dict[str, Any] = answer.json()
    return steps


def lines(steps: dict[str, Any]) -> list[str]:
    """Return ``steps`` as lines for a terminal, in Rich's markup."""
    told = [f"[bold]Behavior[/]    {escape(steps['behavior'])}"]
    if "refused" in steps:
        refused = steps["refused"]
        told.append(f"[bold]Refused[/]     {refused['status']} {escape(refused['message'])}")
    else:
        told.append(f"[bold]Rewritten[/]   {escape(steps['path'])}")
    for reason in steps["because"]:
        otherwise = reason["without"]
        effect = "changes nothing" if otherwise is None else f"without it: {otherwise}"
        told.append(f"  [bold]because[/]   {escape(reason['sent'])}  [dim]{escape(effect)}[/]")
    if "refused" in steps:
        return told
    told.append(f"[bold]Cache key[/]   {escape(steps['cache_key'])}")
    told.append(f"[bold]In cache[/]    {_cached(steps['cached'])}")
    failing_over = f" (the next one on {', '.join(map(str, steps['fails_over_on']))})" if steps["fails_over_on"] else ""
    origins = " ▸ ".join(f"{o['id']} {o['bucket']} in {o['region']}" for o in steps["origins"])
    told.append(f"[bold]Origin[/]      {escape(origins + failing_over)}")
    return told


def _cached(cached: dict[str, Any] | None) -> str:
    if cached is None:
        return "nothing: it would be fetched, and made if it is missing"
    return f"{cached['status']}, {cached['state']}, {cached['age']} s old, fresh for another {cached['fresh_for']} s"
