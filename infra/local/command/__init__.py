"""The ``darkroom`` command."""

import typer

from infra.local.command.dead_letters import dead_letters
from infra.local.command.down import down
from infra.local.command.environment import env
from infra.local.command.explain import explain
from infra.local.command.find import find
from infra.local.command.keys import keys
from infra.local.command.reserve import reserve
from infra.local.command.rotate_keys import rotate_keys
from infra.local.command.status import status
from infra.local.command.token import token
from infra.local.command.traffic import traffic
from infra.local.command.up import up
from infra.local.command.upload import upload
from infra.local.command.url import url
from infra.local.demo.command import demo

app = typer.Typer(
    name="darkroom",
    help="Darkroom on this machine: start it, upload pictures, look at them.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for _command in (up, down, status, upload, url, demo, env, find, token, keys, rotate_keys, reserve, explain, traffic):
    app.command()(_command)
app.add_typer(dead_letters, name="dead-letters")
