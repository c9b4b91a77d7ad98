"""The ``darkroom`` command line: every subcommand, by the panel of ``darkroom --help`` that shows it.

The modules import slow packages inside functions, so that help and shell completion are quick.
"""

import typer

from infra.command.dead_letters import dead_letters
from infra.command.demo.command import demo
from infra.command.deployment import find
from infra.command.keys import keys, rotate_keys, token
from infra.command.pictures import explain, focus, upload, url
from infra.command.preflight.command import preflight
from infra.command.rollout import environments, protect, remove_edge_function, reserve
from infra.command.settings.command import settings
from infra.command.stack import age, down, env, status, up
from infra.command.traffic.command import traffic

_OPERATE = "Operate (the local stack, or with --aws a deployment on AWS)"
_PANELS = {
    "Local stack": (up, down, status, env, age, demo, traffic),
    "Pictures": (upload, focus, url, explain),
    _OPERATE: (find, token, keys, rotate_keys, settings),
    "Deploy (what make bootstrap, deploy and destroy run on AWS)": (
        preflight,
        environments,
        reserve,
        protect,
        remove_edge_function,
    ),
}

app = typer.Typer(
    name="darkroom",
    help="Run Darkroom on this machine, upload pictures, and operate a deployment.",
    epilog="Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(dead_letters, name="dead-letters", rich_help_panel=_OPERATE)
