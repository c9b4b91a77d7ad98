"""A flow run from a command line: its documented parameters are the options, its state is the exit status."""

import argparse
import sys
from collections.abc import Sequence
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from prefect import Flow
from prefect.utilities.callables import parameter_schema

FINE, WITH_FINDINGS, FAILED = 0, 1, 2


def run_from_command_line(flow: Flow[..., Any], arguments: Sequence[str] | None = None) -> int:
    """Run ``flow`` with the options in ``arguments``, print what became of it, and return the exit status.

    0 for a run that completed, 1 for one that completed under another name, such as FaultsFound, 2 for any other.
    """
    chosen = vars(_parser(flow).parse_args(arguments))
    state: Any = flow(**chosen, return_state=True)
    if state.is_completed():
        print(state.message)
        return FINE if state.name == "Completed" else WITH_FINDINGS
    print(f"{state.name}: {state.message}", file=sys.stderr)
    return FAILED


def _parser(flow: Flow[..., Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {_module(flow)}",
        description=(flow.description or "").partition("\n\nArgs:")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, schema in parameter_schema(flow.fn).properties.items():
        annotation = get_type_hints(flow.fn)[name]
        help_text = f"{schema.get('description', '')} (default: {_written(schema.get('default'))})".replace("%", "%%")
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, help=help_text, **_reading(annotation)
        )
    return parser


def _module(flow: Flow[..., Any]) -> str:
    """Return the module that ``flow`` stands in, whatever it is called while ``python -m`` runs it."""
    spec = sys.modules[flow.fn.__module__].__spec__
    return flow.fn.__module__ if spec is None else spec.name


def _reading(annotation: Any) -> dict[str, Any]:
    """Return how argparse reads a parameter; what the text means is for the flow's own validation to say."""
    kinds = [annotation]
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    kind = kinds[0]
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(kind) is Literal:
        return {"choices": get_args(kind)}
    metavar = getattr(kind, "__name__", "value").upper()
    return {"nargs": "+", "metavar": "NAME"} if get_origin(kind) is list else {"metavar": metavar}


def _written(default: Any) -> str:
    if default is None:
        return "none"
    return ("yes" if default else "no") if isinstance(default, bool) else str(default)
