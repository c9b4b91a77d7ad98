"""Notebooks as committed, and the delivery notebook run on given answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from flows.answers import save_answers
from flows.questions import Answer
from flows.rendering import NOTEBOOKS, NotebookFailedError, execute_notebook, read_figures, render_html

COMMITTED = sorted(NOTEBOOKS.glob("*.ipynb"))
BY_FORMAT = pd.DataFrame(
    {
        "format": ["avif", "jpeg", "none"],
        "requests": [900, 90, 10],
        "hits": [880, 60, 0],
        "misses": [20, 30, 0],
        "client_errors": [0, 0, 8],
        "server_errors": [0, 0, 1],
        "bytes": [9_000_000, 3_000_000, 1_000],
    }
)
FROM_ELSEWHERE = re.compile(r"""(?:src|href)\s*=\s*["']?(?!data:|#)|@import|url\((?!data:|#)|<script""")


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_it_is_committed_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_its_parameters_have_types_and_defaults(path: Path) -> None:
    (parameters,) = [
        cell for cell in nbformat.read(path, as_version=4).cells if "parameters" in cell.metadata.get("tags", [])
    ]
    for line in parameters.source.splitlines():
        assert re.fullmatch(r"\w+: \w+(\[.+\])?( \| None)? = .+  # .+", line), line


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivery")
    save_answers(folder / "answers", [Answer("hit_ratio_by_format", BY_FORMAT, 4321, 0.1)], {"top_images": "throttled"})
    parameters = {"first_day": "2026-11-22", "answers_folder": str(folder / "answers")}
    execute_notebook("delivery", folder / "delivery.ipynb", parameters)
    return folder / "delivery.ipynb"


@pytest.fixture(scope="module")
def page(executed: Path) -> Iterator[str]:
    rendered = executed.with_suffix(".html")
    render_html(executed, rendered, "Delivery, 22 November 2026")
    yield rendered.read_text(encoding="utf-8")


def test_named_figures(executed: Path) -> None:
    assert read_figures(executed) == {
        "fine": True,
        "sentence": (
            "22 November 2026 was fine: 1,000 requests; 94.9% of pictures from the cache (too few to judge); "
            "1 server error (0.10% of all)."
        ),
        "unanswered": ["top_images"],
        "requests": 1000,
        "hits": 940,
        "misses": 50,
        "client_errors": 8,
        "server_errors": 1,
        "bytes": 12_001_000,
        "hit_ratio": 940 / 990,
    }


def test_the_page_says_what_it_found_first(executed: Path, page: str) -> None:
    sentence = str(read_figures(executed)["sentence"])
    body = page[page.index("<main") :]
    assert body.index(sentence) < body.index("<svg")
    assert "AVIF is 90% of all answers; JPEG came from the cache least often (66.7%)" in page
    assert "<strong>top_images</strong>: throttled" in page


def test_the_page_needs_no_other_file(page: str) -> None:
    assert not FROM_ELSEWHERE.findall(page)
    assert page.count("<svg") == 2


def test_the_page_shows_no_code(page: str) -> None:
    assert "load_answers" not in page
    assert json.dumps("sentence") not in page


def test_a_notebook_that_fails_still_gives_a_page(tmp_path: Path) -> None:
    (tmp_path / "answers").mkdir()
    output = tmp_path / "delivery.ipynb"
    with pytest.raises(NotebookFailedError, match=r"delivery: FileNotFoundError: .*summary\.json"):
        execute_notebook("delivery", output, {"first_day": "2026-11-22", "answers_folder": str(tmp_path / "answers")})
    render_html(output, tmp_path / "delivery.html", "Delivery", "a <cell> raised")
    shown = (tmp_path / "delivery.html").read_text(encoding="utf-8")
    assert "a &lt;cell&gt; raised" in shown
    with pytest.raises(NotebookFailedError, match="expected a cell tagged 'figures' with output"):
        read_figures(output)
