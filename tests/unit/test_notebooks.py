"""Notebooks as committed, and run on given results."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from report_results import POPULAR, save_report_results

from flows.reporting.rendering import NOTEBOOKS, NotebookFailedError, execute_notebook, read_figures, render_html
from flows.reporting.reports import KINDS

pytestmark = pytest.mark.slow

COMMITTED = sorted(NOTEBOOKS.glob("*.ipynb"))
FROM_ELSEWHERE = re.compile(r"""(?:src|href)\s*=\s*(?!["']?(?:data:|#))|@import|url\((?!data:|#)|<script""")
CODE = ("load_data", "import ", "show.chart(")
TOTALS = {
    "fine": True,
    "failed_queries": [],
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
    """A notebook run on given results, and its page."""

    def __init__(self, folder: Path, name: str, *without: str) -> None:
        self.failed = save_report_results(folder / "results", *without)
        self.notebook = folder / f"{name}.ipynb"
        parameters = {"first_day": "2026-11-22", "results_folder": str(folder / "results")}
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
        "sentence": "22 November 2026: 2 tenants, 1,000 requests, 12.0 MB sent; delivery cost about $0.50.",
        "tenants": 2,
        "cost_usd_before": 0.25,
        "most_expensive": "demo",
    }


def test_the_page_has_the_findings(reports: dict[str, Report]) -> None:
    page = reports["delivery"].page
    body = page[page.index("<main") :]
    assert body.index(str(reports["delivery"].figures["sentence"])) < body.index("<svg")
    for finding in (
        "In every hour the cache served at least 93.0% of the pictures",
        "JPEG 1024 is 60% of the 50 pictures that had to be fetched",
        "The 3 most requested images are 90% of all requests",
        "One server error: 503, at 2026-11-22 09:00:01 UTC",
        "Half of the hits began to arrive within 4 ms; one in a hundred misses took longer than 1.4 s",
        "Viewers got 12.0 MB where the originals would have been 120.0 MB: 90.0% saved",
        "AVIF is 90% of all responses; JPEG came from the cache least often (66.7%)",
        "1 of 2 variants that are made ahead were not requested; storing them costs about $0.18 a month",
    ):
        assert finding in body, finding
    assert "demo cost most: $0.35 of about $0.50, 70%" in reports["tenants"].page


def test_changes_since_the_previous_period(reports: dict[str, Report]) -> None:
    page = reports["delivery"].page
    assert "+100.0% on the day before" in page
    assert "<td>+10.0 points</td>" in page  # of bytes saved against the originals


@pytest.mark.parametrize("name", KINDS)
def test_only_public_pictures_are_shown(reports: dict[str, Report], name: str) -> None:
    page = reports[name].page
    assert page.count("data:image/webp;base64,") == 1
    assert page.count(">private<") == 1


@pytest.mark.parametrize("name", KINDS)
def test_the_page_is_self_contained_and_without_code(reports: dict[str, Report], name: str) -> None:
    page = reports[name].page
    assert not FROM_ELSEWHERE.findall(page)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) >= 4
    assert all(re.search(r'class="mark-(rect|line|symbol)', drawing) for drawing in drawings)
    assert not [code for code in CODE if code in page]
    assert json.dumps("sentence") not in page


def test_failed_queries_are_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    without = ("top_images", "latency", "hit_ratio_by_hour", "savings_by_tenant", "cost_by_tenant")
    report = Report(tmp_path, "delivery", *without)
    assert report.figures["failed_queries"] == sorted(without)
    assert report.figures["requests"] == 1000
    assert all(f"<strong>{query}</strong>: throttled" in report.page for query in without)
    assert "AVIF is 90% of all responses" in report.page


def test_a_notebook_that_fails_still_gives_a_page(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    output = tmp_path / "delivery.ipynb"
    with pytest.raises(NotebookFailedError, match=r"delivery: FileNotFoundError: .*summary\.json"):
        execute_notebook("delivery", output, {"first_day": "2026-11-22", "results_folder": str(tmp_path / "results")})
    render_html(output, tmp_path / "delivery.html", "Delivery", "a <cell> raised")
    shown = (tmp_path / "delivery.html").read_text(encoding="utf-8")
    assert "a &lt;cell&gt; raised" in shown
    with pytest.raises(NotebookFailedError, match="expected a cell tagged 'figures' with output"):
        read_figures(output)
