"""The analytics benchmark's own lines: as many as were asked for, each in its hour's folder, the same for a seed."""

import io
from datetime import date

import pyarrow.parquet as pq
import pytest

from infra.constructs.edge.access_log import COLUMNS
from lambdas.core.records import COLUMNS as IMAGE_COLUMNS
from lambdas.core.settings import load_settings
from tests.bench.analytics.lines import IMAGES, image_ids, image_rows, log_files

pytestmark = pytest.mark.extra

FIRST_DAY = date(2026, 3, 31)


def written() -> dict[str, bytes]:
    return dict(log_files(1, 3000, FIRST_DAY, 2, "E1", load_settings()))


def test_every_line_stands_in_the_folder_of_its_hour() -> None:
    files = written()
    assert len(files) == 48
    total = 0
    for key, body in files.items():
        rows = pq.read_table(io.BytesIO(body)).to_pylist()
        total += len(rows)
        for row in rows:
            year, month, day = row["date"].split("-")
            assert f"/year={year}/month={month}/day={day}/hour={row['time'][:2]}/" in key
            assert tuple(row) == COLUMNS
    assert total == 3000


def test_lines_are_the_same_for_the_same_seed() -> None:
    assert written() == written()


def test_the_images_of_the_lines_are_exported() -> None:
    rows = list(image_rows(1, load_settings()))
    assert [row["image_id"] for row in rows] == image_ids(1)
    assert len(set(image_ids(1))) == IMAGES
    assert tuple(rows[0]) == tuple(column.name for column in IMAGE_COLUMNS)
