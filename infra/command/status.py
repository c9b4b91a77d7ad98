"""``darkroom status``: what runs, where, and what waits."""

from typing import Any

import httpx
import psutil
import typer
from rich.table import Column, Table

from infra.command.terminal import console, explained
from infra.local.emulator.server import HEALTH_PATH as EMULATOR_HEALTH_PATH
from infra.local.emulator.server import NAME as EMULATOR
from infra.local.endpoint import HOST
from infra.local.parts import FLOWS, LAB, PARTS, PREFECT, Part
from infra.local.processes import find_process
from infra.local.stack import LocalStack

_PARTS = {part.name: part for part in (Part(EMULATOR, "AWS", EMULATOR_HEALTH_PATH), *PARTS, PREFECT, FLOWS, LAB)}
_HEALTH_SECONDS = 3
_DEPTHS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


def status() -> None:
    """Show the local stack's processes, addresses and queues; exit status 1 where a process is down."""
    with explained():
        stack = LocalStack.recorded()
        processes, whole = _processes(stack)
        console.print(processes)
        if find_process(stack.state.processes[0]):
            console.print()
            console.print(_queues(stack))
    if not whole:
        raise typer.Exit(1)


def _processes(stack: LocalStack) -> tuple[Table, bool]:
    address = Column("address", no_wrap=True, min_width=len(f"http://{HOST}:65535"))
    table = Table("process", "stands for", "pid", address, "memory", "health", box=None, pad_edge=False)
    whole = True
    for record in stack.state.processes:
        part = _PARTS[record.name]
        port = part.port(stack.ports)
        process = find_process(record)
        health = _health(part, port) if process else "ended"
        whole = whole and health == "ok"
        colour = "green" if health == "ok" else "red"
        table.add_row(
            record.name,
            part.stands_for,
            str(record.pid),
            f"http://{HOST}:{port}" if port else "–",
            _memory(process),
            f"[{colour}]{health}[/]",
        )
    return table, whole


def _health(part: Part, port: int | None) -> str:
    if port is None:
        return "ok"
    try:
        answer = httpx.get(f"http://{HOST}:{port}{part.health_path}", timeout=_HEALTH_SECONDS, trust_env=False)
    except httpx.TransportError as error:
        return f"no answer ({type(error).__name__})"
    return "ok" if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR else f"answers {answer.status_code}"


def _memory(process: psutil.Process | None) -> str:
    if process is None:
        return "–"
    try:
        family = [process, *process.children(recursive=True)]
        total = sum(member.memory_info().rss for member in family)
    except psutil.Error:
        return "–"
    return f"{total / 1024**2:.0f} MB" + (f" in {len(family)} processes" if len(family) > 1 else "")


def _queues(stack: LocalStack) -> Table:
    table = Table("queue", "waiting", "in flight", box=None, pad_edge=False)
    sqs: Any = stack.client("sqs")
    for address in sqs.list_queues(QueueNamePrefix=stack.settings.prefix).get("QueueUrls", []):
        depths = sqs.get_queue_attributes(QueueUrl=address, AttributeNames=list(_DEPTHS))["Attributes"]
        table.add_row(address.rpartition("/")[2], *(depths[depth] for depth in _DEPTHS))
    return table
