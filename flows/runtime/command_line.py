"""``python -m flows.NAME``: a flow as a command. Its documented parameters are options, its state the exit status."""

import inspect
import sys
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Optional, Union, get_args, get_origin, get_type_hints

import typer
from prefect import Flow
from prefect.utilities.callables import parameter_schema

from lambdas.core.settings import SettingsError, load_settings

FINE, WITH_FINDINGS, FAILED = 0, 1, 2


def run_from_command_line(flow: Flow[..., Any], arguments: Sequence[str] | None = None) -> int:
    """Run ``flow`` with options from ``arguments`` (``sys.argv`` if None), print its result, return the exit status.

    0 for a run that completed; 1 for one that completed under another name, such as FaultsFound; 2 for any other, and
    for wrong options.
    """
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    app.command(help=(flow.description or "").partition("\n\nArgs:")[0])(_command(flow))
    try:
        app(arguments, prog_name=f"python -m {_module(flow)}")
    except SystemExit as ended:
        return int(ended.code or 0)
    return FINE


def _command(flow: Flow[..., Any]) -> Callable[..., None]:
    """Return a function with an option for each of the flow's parameters; those left out are not passed on."""

    def command(**options: Any) -> None:
        if stage := options.get("stage"):
            try:
                load_settings(stage=stage)
            except SettingsError as error:  # before Prefect starts, which takes seconds
                typer.echo(str(error), err=True)
                raise typer.Exit(FAILED) from error
        state: Any = flow(**{name: value for name, value in options.items() if value is not None}, return_state=True)
        if state.is_completed():
            typer.echo(state.message)
            raise typer.Exit(FINE if state.name == "Completed" else WITH_FINDINGS)
        typer.echo(f"{state.name}: {state.message}", err=True)
        raise typer.Exit(FAILED)

    hints = get_type_hints(flow.fn)
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[Optional[_option_type(hints[name])], _option(hints[name], schema)],  # noqa: UP045
        )
        for name, schema in parameter_schema(flow.fn).properties.items()
    ]
    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in options}
    return command


def _module(flow: Flow[..., Any]) -> str:
    """Return the flow's module, also while ``python -m`` calls it ``__main__``."""
    spec = sys.modules[flow.fn.__module__].__spec__
    return flow.fn.__module__ if spec is None else spec.name


def _plain(annotation: Any) -> Any:
    """Return a parameter's type without None."""
    if get_origin(annotation) in (Union, UnionType):
        return next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def _option_type(annotation: Any) -> Any:
    """Return how the option is parsed; text is validated by the flow itself."""
    kind = _plain(annotation)
    if kind is bool or get_origin(kind) is Literal:
        return kind
    return list[str] if get_origin(kind) is list else str


def _option(annotation: Any, schema: dict[str, Any]) -> Any:
    kind, default = _plain(annotation), schema.get("default")
    repeatable = get_origin(kind) is list
    return typer.Option(
        help=f"{schema.get('description', '')}{' Repeatable.' if repeatable else ''}",
        show_default=False if default is None else ("yes" if default else "no") if kind is bool else str(default),
        metavar=None
        if kind is bool or get_origin(kind) is Literal
        else getattr(_item(kind), "__name__", "value").upper(),
    )


def _item(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is list else kind
