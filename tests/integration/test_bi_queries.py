"""The thirty queries of the benchmark, written as BI tools write them, on the published sample night.

A public name that changes or goes breaks them here, before it breaks a dashboard.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ingestion.settings import PROJECT_DIR

QUERIES = sorted((PROJECT_DIR / "tests" / "benchmarks" / "queries").glob("*.sql"))
Reader = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def bi_reader(sample_night: str) -> Iterator[Reader]:
    with psycopg.connect(sample_night, autocommit=True) as connection:
        connection.execute("set role bi_reader")
        yield connection


def test_there_are_thirty() -> None:
    assert len(QUERIES) >= 30


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_a_query_of_a_bi_tool_gives_rows_with_figures(bi_reader: Reader, path: Path) -> None:
    cursor = bi_reader.execute(path.read_bytes())
    rows = cursor.fetchall()
    assert rows
    columns = [column.name for column in cursor.description or ()]
    assert len(set(columns)) == len(columns)
    empty = [name for position, name in enumerate(columns) if all(row[position] is None for row in rows)]
    assert empty == []


def test_the_reader_of_the_dashboards_sees_nothing_private(bi_reader: Reader) -> None:
    for table in ("raw.household_review", "staging.stg_household_review", "intermediate.int_report__status"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            bi_reader.execute(f"select from {table}".encode())
