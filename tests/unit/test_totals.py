"""Sums inside a report, checked against its rows."""

from decimal import Decimal

import polars as pl

from ingestion.reading.rows import RowKind, Rows, SumRow
from ingestion.reading.totals import mismatches

VALUES = {"count": pl.Series([1, 2, 3, 4]), "dong": pl.Series([Decimal(10), None, Decimal(30), Decimal(40)])}


def rows(*sums: SumRow, sections: list[int] | None = None) -> Rows:
    return Rows(pl.Series([1, 2, 5, 6], dtype=pl.UInt32), list(sums), sections or [])


def found(
    layout: Rows, stated: dict[str, list[Decimal | int | None]], gaps: set[str] | None = None
) -> list[tuple[int, str, int, int]]:
    result = mismatches(layout, stated, VALUES, gaps or set())
    return [(item.row, item.column, int(item.stated), int(item.counted)) for item in result]


TOTAL = SumRow(9, RowKind.TOTAL)


def test_a_right_total() -> None:
    assert found(rows(TOTAL), {"count": [10], "dong": [Decimal(80)]}) == []


def test_a_wrong_total_names_both_sums() -> None:
    assert found(rows(TOTAL), {"count": [10], "dong": [Decimal(81)]}) == [(9, "dong", 81, 80)]


def test_a_blank_sum_says_nothing() -> None:
    assert found(rows(TOTAL), {"count": [None], "dong": [None]}) == []


def test_a_column_with_an_unread_cell_is_not_compared() -> None:
    assert found(rows(TOTAL), {"count": [10], "dong": [Decimal(81)]}, {"dong"}) == []


def test_subtotals_since_the_last_and_a_total_of_all() -> None:
    layout = rows(SumRow(3, RowKind.SUBTOTAL), SumRow(7, RowKind.SUBTOTAL), TOTAL)
    assert found(layout, {"count": [3, 7, 10]}) == []
    assert found(layout, {"count": [3, 8, 11]}) == [(7, "count", 8, 7), (9, "count", 11, 10)]


def test_a_subtotal_since_its_section() -> None:
    layout = rows(SumRow(7, RowKind.SUBTOTAL), sections=[4])
    assert found(layout, {"count": [7]}) == []


def test_a_sum_above_its_rows() -> None:
    layout = rows(SumRow(0, RowKind.SUBTOTAL, after=True), SumRow(4, RowKind.SUBTOTAL, after=True), sections=[0, 4])
    assert found(layout, {"count": [3, 7]}) == []
    assert found(layout, {"count": [4, 7]}) == [(0, "count", 4, 3)]


def test_a_sum_of_all_that_stands_first() -> None:
    assert found(rows(SumRow(0, RowKind.SUBTOTAL, after=True)), {"count": [10]}) == []


def test_a_total_that_stands_first() -> None:
    assert found(rows(SumRow(0, RowKind.TOTAL)), {"count": [10]}) == []
    assert found(rows(SumRow(0, RowKind.TOTAL)), {"count": [11]}) == [(0, "count", 11, 10)]


def test_a_total_first_and_sums_above_their_sections() -> None:
    layout = rows(SumRow(0, RowKind.TOTAL), SumRow(4, RowKind.SUBTOTAL, after=True), sections=[0, 4])
    assert found(layout, {"count": [10, 7]}) == []
