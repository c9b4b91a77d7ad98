"""Notebooks as committed, and each run on given answers."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from report_answers import POPULAR, save_report_answers

from flows.reporting.rendering import (
    NOTEBOOKS,
    NotebookFailedError,
    execute_notebook,
    read_figures,
    render_html,
)
from flows.reporting.report_kinds import KINDS

pytestmark = pytest.mark.slow

COMMITTED = sorted(NOTEBOOKS.glob("*.ipynb"))
FROM_ELSEWHERE = re.compile(r"""(?:src|href)\s*=\s*(?!["']?(?:data:|#))|@import|url\((?!data:|#)|<script""")
CODE = ("load_findings", "import ", "show.chart(")
TOTALS = {
    "fine": True,
    "unanswered": [],
    "requests": 1000,
    "hits": 940,
    "misses": 50,
    "client_errors": 8,
    "server_errors": 1,
    "bytes": 12_001_000,
    "hit_ratio": 940 / 990,
    "cost_usd": 0.5,
}


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


class Report:
    """A notebook run on given answers, and its page."""

    def __init__(self, folder: Path, name: str, *without: str) -> None:
        self.unanswered = save_report_answers(folder / "answers", *without)
        self.notebook = folder / f"{name}.ipynb"
        parameters = {"first_day": "2026-11-22", "answers_folder": str(folder / "answers")}
        execute_notebook(name, self.notebook, parameters)
        render_html(self.notebook, self.notebook.with_suffix(".html"), "22 November 2026")

    @property
    def figures(self) -> dict[str, Any]:
        return read_figures(self.notebook)

    @property
    def page(self) -> str:
        return self.notebook.with_suffix(".html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    return {name: Report(tmp_path_factory.mktemp(name), name) for name in KINDS}


def test_every_report_has_its_notebook() -> None:
    assert KINDS.keys() <= {path.stem for path in COMMITTED}


def test_named_figures_of_delivery(reports: dict[str, Report]) -> None:
    assert reports["delivery"].figures == TOTALS | {
        "sentence": (
            "22 November 2026 was fine: 1,000 requests; 94.9% of pictures from the cache (too few to judge); "
            "1 server error (0.10% of all)."
        ),
        "saved_ratio": 0.9,
        "hit_p50_ms": 4.0,
        "miss_p99_ms": 1400.0,
        "from_replica": 3,
        "requests_before": 500,
        "top_image": POPULAR,
    }


def test_named_figures_of_tenants(reports: dict[str, Report]) -> None:
    assert reports["tenants"].figures == TOTALS | {
        "sentence": "22 November 2026: 2 tenants, 1,000 requests, 12.0 MB sent; delivering it cost about $0.50.",
        "tenants": 2,
        "cost_usd_before": 0.25,
        "dearest": "demo",
    }


def test_the_page_says_what_it_found(reports: dict[str, Report]) -> None:
    page = reports["delivery"].page
    body = page[page.index("<main") :]
    assert body.index(str(reports["delivery"].figures["sentence"])) < body.index("<svg")
    for finding in (
        "In every hour the cache served at least 93.0% of the pictures",
        "JPEG 1024 is 60% of the 50 pictures that had to be fetched",
        "The 3 images asked for most are 90% of all requests",
        "One server error: 503, at 2026-11-22 09:00:01 UTC",
        "Half of what the cache had began to arrive within 4 ms; one in a hundred misses took longer than 1.4 s",
        "Viewers got 12.0 MB where the originals would have been 120.0 MB: 90.0% saved",
        "AVIF is 90% of all answers; JPEG came from the cache least often (66.7%)",
        "1 of 2 variants that are made ahead were asked for by nobody; keeping them costs about $0.18 a month",
    ):
        assert finding in body, finding
    assert "demo cost most: $0.35 of about $0.50, 70%" in reports["tenants"].page


def test_what_changed_against_the_period_before(reports: dict[str, Report]) -> None:
    page = reports["delivery"].page
    assert "+100.0% on the day before" in page
    assert "<td>+10.0 points</td>" in page  # of what is saved against the originals


@pytest.mark.parametrize("name", KINDS)
def test_public_pictures_are_shown_and_no_others(reports: dict[str, Report], name: str) -> None:
    page = reports[name].page
    assert page.count("data:image/webp;base64,") == 1
    assert page.count(">private<") == 1


@pytest.mark.parametrize("name", KINDS)
def test_the_page_needs_no_other_file_and_shows_no_code(reports: dict[str, Report], name: str) -> None:
    page = reports[name].page
    assert not FROM_ELSEWHERE.findall(page)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) >= 4
    assert all(re.search(r'class="mark-(rect|line|symbol)', drawing) for drawing in drawings)
    assert not [code for code in CODE if code in page]
    assert json.dumps("sentence") not in page


def test_what_was_not_answered_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    without = ("top_images", "latency", "hit_ratio_by_hour", "savings_by_tenant", "cost_by_tenant")
    report = Report(tmp_path, "delivery", *without)
    assert report.figures["unanswered"] == sorted(without)
    assert report.figures["requests"] == 1000
    assert all(f"<strong>{question}</strong>: throttled" in report.page for question in without)
    assert "AVIF is 90% of all answers" in report.page


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
