"""``darkroom up``: start the local stack."""

import signal
import sys
import time
from typing import Annotated

import typer

from infra.command.terminal import (
    Steps,
    console,
    explained,
    print_addresses,
)
from infra.local.parts import FLOWS, LAB, PREFECT
from infra.local.processes import ProcessError, find_process
from infra.local.stack import LocalStack, NotRunningError
from infra.local.state import Ports

_DEFAULTS = Ports()
_WATCH_SECONDS = 0.5

EmulatorPort = Annotated[
    int, typer.Option(envvar="DARKROOM_EMULATOR_PORT", min=0, max=65535, help="Port of AWS; 0 takes any free one.")
]
EdgePort = Annotated[
    int, typer.Option(envvar="DARKROOM_EDGE_PORT", min=0, max=65535, help="Port of the edge; 0 takes any free one.")
]
AthenaPort = Annotated[
    int, typer.Option(envvar="DARKROOM_ATHENA_PORT", min=0, max=65535, help="Port of Athena; 0 takes any free one.")
]
PrefectPort = Annotated[
    int, typer.Option(envvar="DARKROOM_PREFECT_PORT", min=0, max=65535, help="Port of Prefect; 0 takes any free one.")
]
LabPort = Annotated[
    int, typer.Option(envvar="DARKROOM_LAB_PORT", min=0, max=65535, help="Port of JupyterLab; 0 takes any free one.")
]
BatchPort = Annotated[
    int,
    typer.Option(
        envvar="DARKROOM_BATCH_PORT", min=0, max=65535, help="Port of S3 Batch Operations; 0 takes any free one."
    ),
]


def up(
    emulator_port: EmulatorPort = _DEFAULTS.emulator,
    edge_port: EdgePort = _DEFAULTS.edge,
    athena_port: AthenaPort = _DEFAULTS.athena,
    batch_port: BatchPort = _DEFAULTS.batch,
    prefect_port: PrefectPort = _DEFAULTS.prefect,
    lab_port: LabPort = _DEFAULTS.lab,
    prefect: Annotated[bool, typer.Option(help="Start Prefect's server, and serve the flows.")] = True,
    lab: Annotated[bool, typer.Option("--lab", help="Start JupyterLab on the notebooks.")] = False,
    foreground: Annotated[bool, typer.Option(help="Stay, and end the stack with Ctrl-C.")] = False,
) -> None:
    """Start the whole of Darkroom on this machine and leave it running.

    A stack that runs already is left as it is, but for a JupyterLab that it lacks, and its addresses are printed.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit_on_signal)
    with explained():
        if running := _running():
            console.print(f"A stack runs already in {running.folder.home}:\n")
            if lab:
                running.add(LAB)
            print_addresses(running)
            return
        ports = Ports(
            emulator=emulator_port,
            edge=edge_port,
            athena=athena_port,
            batch=batch_port,
            prefect=prefect_port,
            lab=lab_port,
        )
        beside = (*((PREFECT, FLOWS) if prefect else ()), *((LAB,) if lab else ()))
        with Steps() as steps:
            stack = LocalStack.start(ports, beside=beside, announce=steps.announce)
        _tell_differences(stack)
        console.print()
        print_addresses(stack)
        if foreground:
            _watch(stack)


def _exit_on_signal(number: int, _frame: object) -> None:
    # An exception, unlike the signal's default, lets the start clean up after itself.
    sys.exit(128 + number)


def _running() -> LocalStack | None:
    try:
        return LocalStack.attach()
    except NotRunningError:
        return None


def _tell_differences(stack: LocalStack) -> None:
    if stack.deployment is None:
        return
    for stripped in stack.deployment.stripped:
        console.print(f"[dim]  without {stripped}[/]", highlight=False, soft_wrap=True)
    for applied in stack.deployment.applied:
        console.print(f"[dim]  set by API: {applied}[/]", highlight=False, soft_wrap=True)


def _watch(stack: LocalStack) -> None:
    console.print("\nCtrl-C ends the stack.")
    try:
        while True:
            for record in stack.state.processes:
                if find_process(record) is None:
                    raise ProcessError(f"expected the {record.name} to run but it ended; the stack is ended with it")
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        console.print("Ending.")
    finally:
        stack.stop()
