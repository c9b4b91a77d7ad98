"""The ``darkroom`` command."""

import typer

from infra.command.dead_letters import dead_letters
from infra.command.demo.command import demo
from infra.command.down import down
from infra.command.environment import env
from infra.command.explain import explain
from infra.command.find import find
from infra.command.keys import keys
from infra.command.reserve import reserve
from infra.command.rotate_keys import rotate_keys
from infra.command.status import status
from infra.command.token import token
from infra.command.traffic.command import traffic
from infra.command.up import up
from infra.command.upload import upload
from infra.command.url import url

app = typer.Typer(
    name="darkroom",
    help="Darkroom on this machine: start it, upload pictures, look at them.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for _command in (up, down, status, upload, url, demo, env, find, token, keys, rotate_keys, reserve, explain, traffic):
    app.command()(_command)
app.add_typer(dead_letters, name="dead-letters")
