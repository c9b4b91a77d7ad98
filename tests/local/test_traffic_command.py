"""``darkroom traffic`` through the local edge: every visit is answered and logged at its simulated time."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import samples
from access_logs import edge_statistics, logged_records
from outcomes import await_outcome, upload
from typer.testing import CliRunner, Result

from infra.command import app
from infra.local.cloudfront.stamp import HEADER
from infra.local.stack import LocalStack

_REQUESTS = 120
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


def run(stack: LocalStack, *arguments: str) -> Result:
    environment = {"DARKROOM_HOME": str(stack.folder.home), "COLUMNS": "200"}
    return CliRunner().invoke(app, ["traffic", *arguments], env=environment)


def test_visits_are_logged_at_their_simulated_times(stack: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(samples.jpeg())
    assert await_outcome(stack, upload(stack, file))["state"] == "ready"
    with httpx.Client(base_url=stack.edge_url, trust_env=False, timeout=60, headers=stack.owner_headers) as edge:
        before, known = edge_statistics(edge), {record["x_edge_request_id"] for record in logged_records(stack)}
        result = run(stack, "-n", str(_REQUESTS), "--day", str(YESTERDAY), "--concurrency", "4")
        after = edge_statistics(edge)
    assert result.exit_code == 0, result.output
    assert f"{_REQUESTS:,}" in result.output
    assert f"--day {YESTERDAY}" in result.output
    new = [record for record in logged_records(stack) if record["x_edge_request_id"] not in known]
    assert len(new) == _REQUESTS == after["requests"] - before["requests"]
    assert {record["date"] for record in new} == {str(YESTERDAY)}
    assert len({record["time"][:2] for record in new}) > 8
    kinds = Counter(record["c_ip"].rpartition(".")[0] for record in new)
    assert kinds.keys() == {"198.51.100", "203.0.113"}
    assert not any(HEADER in str(record) for record in new)
    asked = [record["viewer_request_log_data"] for record in new if record["viewer_request_log_data"] != "-"]
    assert len(asked) > 0.9 * _REQUESTS


def test_future_days_are_errors(stack: LocalStack) -> None:
    result = run(stack, "-n", "1", "--day", "2999-01-01")
    assert result.exit_code == 1
    assert "expected days up to today" in result.output


@pytest.mark.parametrize("text", ["soon", "1e12 198.51.100.7"])
def test_the_edge_rejects_malformed_stamps(stack: LocalStack, text: str) -> None:
    address, stamp = f"{stack.edge_url}/img/{'0' * 32}", {HEADER: text}
    answer = httpx.get(address, headers=stack.owner_headers | stamp, trust_env=False)
    assert answer.status_code == 400
    assert "expected seconds since the epoch" in answer.text
    assert httpx.get(address, headers=stamp, trust_env=False).status_code == 404, "a viewer's stamp is not read"
