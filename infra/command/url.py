"""``darkroom url``: the address of a picture."""

from typing import Annotated
from urllib.parse import urlencode

import typer

from infra.command.account import Account, OnAws
from infra.command.terminal import explained
from lambdas.core.keys import parse_image_id


def url(
    image_id: Annotated[str, typer.Argument(metavar="ID", help="The picture's id.")],
    width: Annotated[int | None, typer.Option("--width", "-w", min=1, help="Width in CSS pixels.")] = None,
    dpr: Annotated[float | None, typer.Option(help="Device pixels to a CSS pixel.")] = None,
    ar: Annotated[str | None, typer.Option(help="Crop to an aspect ratio, such as 16:9.")] = None,
    fmt: Annotated[str | None, typer.Option(help="auto, avif, webp or jpeg; the viewer's choice if not said.")] = None,
    *,
    aws: OnAws = False,
) -> None:
    """Print the address at which the edge serves a picture."""
    with explained():
        asked = {"w": width, "dpr": dpr, "ar": ar, "fmt": fmt}
        query = urlencode({name: value for name, value in asked.items() if value is not None}, safe=":")
        path = f"/img/{parse_image_id(image_id)}"
        typer.echo(f"{Account.chosen(on_aws=aws).parameter('delivery-url')}{path}{f'?{query}' if query else ''}")
