"""``darkroom up``, ``down``, ``status``, ``env`` and ``age``: the local stack."""

import shlex
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from infra.command.terminal import Steps, console, format_count, reported_errors, require_checkout

if TYPE_CHECKING:
    import psutil

    from infra.local.parts import Part
    from infra.local.stack import LocalStack

_WATCH_SECONDS = 0.5
_HEALTH_SECONDS = 3
_DEPTHS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def _port(variable: str, service: str) -> Any:
    return typer.Option(envvar=variable, min=0, max=65535, help=f"Port of {service}; 0 for any free one.")


def up(
    emulator_port: Annotated[int, _port("DARKROOM_EMULATOR_PORT", "the AWS endpoint")] = 4566,
    edge_port: Annotated[int, _port("DARKROOM_EDGE_PORT", "the edge (CloudFront)")] = 4580,
    athena_port: Annotated[int, _port("DARKROOM_ATHENA_PORT", "Athena")] = 4567,
    batch_port: Annotated[int, _port("DARKROOM_BATCH_PORT", "S3 Batch Operations")] = 4568,
    prefect_port: Annotated[int, _port("DARKROOM_PREFECT_PORT", "Prefect")] = 4200,
    lab_port: Annotated[int, _port("DARKROOM_LAB_PORT", "JupyterLab")] = 8888,
    prefect: Annotated[bool, typer.Option(help="Start Prefect's server and serve the flows.")] = True,
    lab: Annotated[bool, typer.Option("--lab", help="Start JupyterLab on the notebooks.")] = False,
    foreground: Annotated[bool, typer.Option(help="Stay in the foreground; Ctrl-C ends the stack.")] = False,
) -> None:
    """Start all of Darkroom on this machine.

    A stack that runs already is left as it is; --lab adds JupyterLab to it.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, _exit_on_signal)
    with reported_errors():
        require_checkout()
        from infra.local.parts import FLOWS, LAB, PREFECT
        from infra.local.stack import LocalStack
        from infra.local.state import Ports

        if running := running_stack():
            console.print(f"A stack runs already in {running.folder.home}:\n")
            if lab:
                running.add(LAB)
            _print_addresses(running)
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
        _print_differences(stack)
        console.print()
        _print_addresses(stack)
        if foreground:
            _watch(stack)


def down() -> None:
    """End the local stack and delete its data."""
    with reported_errors():
        from infra.local.stack import end_stack
        from infra.local.state import StateFolder, default_home

        folder = StateFolder(default_home())
        existed = folder.home.exists()
        ended = end_stack(folder)
    if ended or existed:
        console.print(f"Ended {ended} processes and removed {folder.home}.")
    else:
        console.print("Nothing was running.")


def status() -> None:
    """Show the local stack's processes, addresses and queues.

    The exit status is 1 if a process is down.
    """
    with reported_errors():
        from infra.local.processes import find_process
        from infra.local.stack import LocalStack

        stack = LocalStack.recorded()
        table, is_healthy = _processes(stack)
        console.print(table)
        for name in stack.state.given_up:
            console.print(f"\nThe {name} died too often and is given up. Its log: {stack.folder.log(name)}")
            console.print("After mending the cause: [bold]darkroom down && darkroom up[/]")
        if find_process(stack.state.processes[0]):
            console.print()
            console.print(_queues(stack))
        else:
            console.print(f"\nThe emulator ended, and with it all data. Its log: {stack.folder.log('emulator')}")
            console.print("To go on: [bold]darkroom down && darkroom up[/]")
    if not is_healthy:
        raise typer.Exit(1)


def env() -> None:
    """Print the environment for flows, notebooks and AWS tools.

    Example:
      eval "$(darkroom env)"
      aws s3 ls
    """
    with reported_errors():
        from infra.local.stack import LocalStack

        for name, value in LocalStack.attach().environment().items():
            typer.echo(f"export {name}={shlex.quote(value)}")


def age(
    days: Annotated[int, typer.Option(min=1, help="Days to let pass.")],
) -> None:
    """Delete what AWS would delete within some days.

    Lifecycle rules: abandoned uploads, old versions, expired reports. Time to live: rows of tables.

    Example:
      darkroom age --days 31
    """
    with reported_errors():
        from infra.local.lifecycle import age as let_pass
        from infra.local.stack import LocalStack

        gone = let_pass(LocalStack.attach(), days)
    for place, count in gone.items():
        console.print(f"{place}: {count} expired", highlight=False)
    if not gone:
        console.print(f"Nothing expires within {format_count(days, 'day')}.", highlight=False)


def running_stack() -> "LocalStack | None":
    """Return the local stack if one runs."""
    from infra.local.stack import LocalStack, NotRunningError

    try:
        return LocalStack.attach()
    except NotRunningError:
        return None


def _exit_on_signal(number: int, _frame: object) -> None:
    # An exception, unlike the signal's default action, lets the start clean up.
    sys.exit(128 + number)


def _print_addresses(stack: "LocalStack") -> None:
    from infra.local.parts import LAB, PREFECT

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Pictures", f"{stack.edge_url}/img/[dim]ID[/]?w=800")
    table.add_row("Upload API", f"{stack.upload_api}/uploads")
    table.add_row("AWS", stack.endpoint.url)
    table.add_row("Athena", stack.environment()["AWS_ENDPOINT_URL_ATHENA"])
    if stack.has(PREFECT):
        table.add_row("Prefect", f"{stack.prefect_url}  [dim]its login asks for[/] {stack.prefect_login}")
    if stack.has(LAB):
        table.add_row("JupyterLab", stack.lab_url)
    table.add_row("Logs", str(stack.folder.logs))
    console.print(table)
    console.print(
        "\nNext: [bold]darkroom upload photo.jpg[/]   [bold]darkroom url ID -w 800[/]   [bold]darkroom status[/]"
        '\nFlows and notebooks: [bold]eval "$(darkroom env)"[/]   End the stack: [bold]darkroom down[/]'
    )


def _print_differences(stack: "LocalStack") -> None:
    if stack.deployment is None:
        return
    for stripped in stack.deployment.stripped:
        console.print(f"[dim]  without {stripped}[/]", highlight=False, soft_wrap=True)
    for applied in stack.deployment.applied:
        console.print(f"[dim]  set by API: {applied}[/]", highlight=False, soft_wrap=True)


def _watch(stack: "LocalStack") -> None:
    from infra.local.processes import ProcessError, find_process

    console.print("\nCtrl-C ends the stack.")
    try:
        while True:
            stack.refresh()
            for name in stack.state.given_up:
                raise ProcessError(f"expected the {name} to run but it died too often; the stack is ended too")
            if find_process(stack.state.processes[0]) is None:
                raise ProcessError("expected the emulator to run but it ended, and its data is lost; so is the stack")
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        console.print("Ending the stack.")
    finally:
        stack.stop()


def _processes(stack: "LocalStack") -> tuple[Table, bool]:
    from infra.local.emulator.server import HEALTH_PATH, NAME
    from infra.local.endpoint import HOST
    from infra.local.parts import FLOWS, LAB, PARTS, PREFECT, SUPERVISOR, Part
    from infra.local.processes import find_process

    parts = {
        part.name: part
        for part in (
            Part(NAME, "AWS", "infra.local.emulator.server", HEALTH_PATH),
            *PARTS,
            PREFECT,
            FLOWS,
            LAB,
            SUPERVISOR,
        )
    }
    address = Column("address", no_wrap=True, min_width=len(f"http://{HOST}:65535"))
    service, memory = Column("service", no_wrap=True), Column("memory", no_wrap=True)
    table = Table("process", service, "pid", address, memory, "restarts", "health", box=None, pad_edge=False)
    is_healthy = True
    for record in stack.state.processes:
        part = parts[record.name]
        port = part.port(stack.ports)
        process = find_process(record)
        health = _health(stack, part, port) if process else "ended"
        if record.name in stack.state.given_up:
            health = "given up"
        is_healthy = is_healthy and health == "ok"
        colour = "green" if health == "ok" else "red"
        table.add_row(
            record.name,
            part.stands_for,
            str(record.pid),
            f"http://{HOST}:{port}" if port else "–",
            _memory(process),
            str(stack.state.restarts.get(record.name, 0)),
            f"[{colour}]{health}[/]",
        )
    return table, is_healthy


def _health(stack: "LocalStack", part: "Part", port: int | None) -> str:
    import httpx

    from infra.local.endpoint import HOST

    if port is None:
        return "ok"
    try:
        response = httpx.get(
            f"http://{HOST}:{port}{part.health_path}",
            headers=stack.owner_headers,
            timeout=_HEALTH_SECONDS,
            trust_env=False,
        )
    except httpx.TransportError as error:
        return f"no answer ({type(error).__name__})"
    return "ok" if response.status_code < httpx.codes.INTERNAL_SERVER_ERROR else f"HTTP {response.status_code}"


def _memory(process: "psutil.Process | None") -> str:
    import psutil

    if process is None:
        return "–"
    try:
        family = [process, *process.children(recursive=True)]
        total = sum(member.memory_info().rss for member in family)
    except psutil.Error:
        return "–"
    return f"{total / 1024**2:.0f} MB" + (f" ({len(family)})" if len(family) > 1 else "")


def _queues(stack: "LocalStack") -> Table:
    table = Table("queue", "waiting", "in flight", box=None, pad_edge=False)
    sqs: Any = stack.client("sqs")
    for address in sqs.list_queues(QueueNamePrefix=stack.settings.prefix).get("QueueUrls", []):
        depths = sqs.get_queue_attributes(QueueUrl=address, AttributeNames=list(_DEPTHS))["Attributes"]
        table.add_row(address.rpartition("/")[2], *(depths[depth] for depth in _DEPTHS))
    return table
