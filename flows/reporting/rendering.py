"""Notebooks executed by papermill and rendered by nbconvert to one self-contained HTML page each."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
_TEMPLATES = Path(__file__).parent / "templates"
_FIGURES_TAG = "figures"
_START_SECONDS = 120


class NotebookFailedError(RuntimeError):
    """A cell of a notebook raised; the executed part has been saved."""


def execute_notebook(name: str, output: Path, parameters: Mapping[str, Any]) -> None:
    """Run ``notebooks/{name}.ipynb`` with ``parameters`` and save it with its outputs as ``output``.

    Raises:
        NotebookFailedError: a cell raised; ``output`` has the cells up to it.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with _private_jupyter():
        try:
            papermill.execute_notebook(
                NOTEBOOKS / f"{name}.ipynb",
                output,
                parameters=dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                start_timeout=_START_SECONDS,
                extra_arguments=["--IPKernelApp.log_level=ERROR"],  # without the warning about loopback sockets
            )
        except PapermillExecutionError as error:
            raise NotebookFailedError(f"{name}: {error.ename}: {error.evalue}") from error


def read_figures(notebook: Path) -> dict[str, Any]:
    """Return the named figures that an executed notebook prints, as JSON, in its cell tagged ``figures``.

    Raises:
        NotebookFailedError: that cell was not reached.
    """
    executed = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    for cell in executed.cells:
        if _FIGURES_TAG in cell.metadata.get("tags", []):
            text = "".join(output.get("text", "") for output in cell.get("outputs", []))
            if text:
                figures: dict[str, Any] = json.loads(text)
                return figures
    raise NotebookFailedError(f"expected a cell tagged {_FIGURES_TAG!r} with output in {notebook.name} but found none")


def render_html(notebook: Path, page: Path, title: str, failure: str = "") -> None:
    """Write an executed notebook as one self-contained HTML file, with outputs and without code.

    Args:
        notebook: with its outputs.
        page: file to write, atomically.
        title: of the page.
        failure: why the notebook failed, shown first; empty if it did not.
    """
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        config=Config(TagRemovePreprocessor={"enabled": True, "remove_cell_tags": {"hidden", _FIGURES_TAG}}),
        template_name="report",
        extra_template_basedirs=[str(_TEMPLATES)],
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
    )
    body, _ = exporter.from_filename(
        str(notebook), resources={"metadata": {"name": title}, "darkroom": {"failure": failure}}
    )
    part = page.with_suffix(".part")
    part.write_text(body, encoding="utf-8")
    part.replace(page)


@contextmanager
def _private_jupyter() -> Iterator[None]:
    """Keep the kernel's connection files and IPython's profile out of the user's home."""
    with tempfile.TemporaryDirectory(prefix="darkroom-jupyter-") as folder:
        private = dict.fromkeys(("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"), folder)
        before = {name: os.environ.get(name) for name in private}
        os.environ.update(private)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
