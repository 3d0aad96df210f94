"""Sums that a report states about its own rows, checked to the last dong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from ingestion.reading.rows import RowKind, Rows, SumRow

_MOST_TRIED = 50
_SUMMED = ("integer", "decimal", "amount")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A sum that is not that of its rows: index of its row in the sheet, column, what it says, what its rows give."""

    row: int
    column: str
    stated: Decimal
    counted: Decimal


def is_summed(column_type: str) -> bool:
    """Whether rows of sums may state a sum in a column of this type."""
    return column_type in _SUMMED


def mismatches(
    rows: Rows, stated: Mapping[str, Sequence[Decimal | int | None]], values: Mapping[str, pl.Series], gaps: set[str]
) -> list[Mismatch]:
    """Compare each row of sums with its rows, column by column.

    `stated` gives for each column what the rows of `rows.sums` say, `values` what the data rows hold. A column in
    `gaps` holds a cell that could not be read: its sum is unknown and not compared.
    """
    found: list[Mismatch] = []
    for position, sum_row in enumerate(rows.sums):
        said = {
            name: Decimal(value)
            for name, column in stated.items()
            if name not in gaps and (value := column[position]) is not None
        }
        scopes = _scopes(rows, sum_row)
        if not said or not scopes:
            continue
        counted = [
            {name: Decimal(values[name].slice(first, length).sum() or 0) for name in said} for first, length in scopes
        ]
        best = min(counted, key=lambda sums: sum(sums[name] != value for name, value in said.items()))
        found.extend(
            Mismatch(sum_row.row, name, value, best[name]) for name, value in said.items() if best[name] != value
        )
    return found


def _scopes(rows: Rows, sum_row: SumRow) -> list[tuple[int, int]]:
    """(first data row, number of data rows) that a row of sums may mean, the likeliest first.

    A sum mostly stands below its rows, but a report may begin with its total.
    """
    totals = [other.row for other in rows.sums if other.kind is RowKind.TOTAL]
    wider = [other for other in rows.sums if other.level <= sum_row.level or sum_row.kind is RowKind.TOTAL]
    marks = [*rows.sections, *(other.row for other in wider)]
    here, end = int(rows.data.search_sorted(sum_row.row)), len(rows.data)

    def above(bounds: list[int]) -> tuple[int, int]:
        start = max((int(rows.data.search_sorted(row)) for row in bounds if row < sum_row.row), default=0)
        return start, here - start

    def below(bounds: list[int]) -> tuple[int, int]:
        return here, min((int(rows.data.search_sorted(row)) for row in bounds if row > sum_row.row), default=end) - here

    upwards, downwards = ([scope(bounds) for bounds in (marks, totals, [])] for scope in (above, below))
    if sum_row.kind is RowKind.TOTAL:
        upwards.reverse()
        downwards.reverse()
    ordered = [*downwards, *upwards] if sum_row.after else [*upwards, *downwards]
    # A sum of sums begins at some earlier one of them.
    starts = sorted({int(rows.data.search_sorted(row)) for row in marks if row < sum_row.row}, reverse=True)
    ordered += [(start, here - start) for start in starts[:_MOST_TRIED]]
    return [scope for scope in dict.fromkeys(ordered) if scope[1] > 0] or [(0, end)]
