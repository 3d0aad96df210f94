"""A sheet as natively typed columns, whatever the file that it came in."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

import polars as pl

_ROWS_PER_CHUNK = 5_000  # bounds the Python objects alive at once
_EXACT_FLOAT = 2**53


@dataclass(frozen=True, slots=True)
class Cells:
    """One column of a sheet. Series of one height; at most one of them is not null in a row, none where it is blank.

    `text` is String without outer white space, `number` Float64, `moment` Datetime, `truth` Boolean; a kind that the
    column does not hold is None.
    """

    height: int
    text: pl.Series | None = None
    number: pl.Series | None = None
    moment: pl.Series | None = None
    truth: pl.Series | None = None

    def series(self) -> list[pl.Series]:
        """The kinds that the column holds."""
        return [kind for kind in (self.text, self.number, self.moment, self.truth) if kind is not None]

    def filled(self) -> pl.Series:
        """Boolean: where the column is not blank."""
        if not (kinds := self.series()):
            return pl.repeat(False, self.height, dtype=pl.Boolean, eager=True)
        result = kinds[0].is_not_null()
        for kind in kinds[1:]:
            result = result | kind.is_not_null()
        return result

    def gather(self, rows: pl.Series) -> "Cells":
        """The cells of these rows (indices, or a Boolean mask)."""
        take = [
            None if kind is None else kind.filter(rows) if rows.dtype == pl.Boolean else kind.gather(rows)
            for kind in (self.text, self.number, self.moment, self.truth)
        ]
        height = int(rows.sum()) if rows.dtype == pl.Boolean else len(rows)
        return Cells(height, *take)

    def slice(self, first: int, length: int) -> "Cells":
        """The cells of consecutive rows, without copying them."""
        take = [
            None if kind is None else kind.slice(first, length)
            for kind in (self.text, self.number, self.moment, self.truth)
        ]
        return Cells(length, *take)

    def written(self) -> pl.Series:
        """String: each cell as the sender sees it, null where blank."""
        shown = [
            pl.Series(dtype=pl.String) if kind is None else show(kind)
            for show, kind in (
                (lambda series: series, self.text),
                (_number_text, self.number),
                (_moment_text, self.moment),
                (lambda series: series.replace_strict({True: "TRUE", False: "FALSE"}), self.truth),
            )
        ]
        kept = [series for series in shown if len(series)]
        if not kept or not self.height:
            return pl.repeat(None, self.height, dtype=pl.String, eager=True)
        return pl.select(pl.coalesce(kept)).to_series()

    def at(self, row: int) -> str | None:
        """One cell as the sender sees it."""
        text: str | None = self.gather(pl.Series([row])).written()[0]
        return text


def _number_text(numbers: pl.Series) -> pl.Series:
    """Shortest text of the same number; whole numbers without a decimal point, never with an exponent."""
    unique = numbers.unique().drop_nulls()
    return numbers.replace_strict(
        unique, pl.Series([number_text(value) for value in unique], dtype=pl.String), return_dtype=pl.String
    )


def number_text(value: float) -> str:
    """As `Cells.written`, for one number."""
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return format(value, "f") if "e" in repr(value) and abs(value) >= 1 else repr(value)


def _moment_text(moments: pl.Series) -> pl.Series:
    return moments.dt.strftime("%d/%m/%Y")


@dataclass(frozen=True, slots=True)
class Broken:
    """A cell whose workbook holds no value for it: an error, or a formula that was never computed. Or one whose text
    is garbled: typed in a code of before Unicode, and not to be told exactly."""

    row: int
    column: int
    text: str
    is_garbled: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as the sender sees it. `columns[0]` is column `first_column` (0 = A)."""

    name: str
    columns: list[Cells]
    row_numbers: pl.Series
    """Int32: the sender's number of each row: of the sheet, the line of a CSV, the element of a JSON array."""
    first_column: int = 0
    hidden: bool = False
    has_letters: bool = True
    """Whether cells have an A1 address: not in JSON."""
    merged: Sequence[tuple[tuple[int, int], tuple[int, int]]] = ()
    """Merged areas as ((row, column), (row, column)) of first and last cell, counted from 0 as in the sheet."""
    broken: list[Broken] = field(default_factory=list)
    """Rows and columns as indices into this sheet."""

    @property
    def height(self) -> int:
        return len(self.row_numbers)

    def filled_rows(self) -> pl.Series:
        """Boolean: rows in which some cell is not blank, be it a cell without a value."""
        filled = pl.repeat(False, self.height, dtype=pl.Boolean, eager=True)
        for column in self.columns:
            for kind in column.series():
                filled = filled | kind.is_not_null()
        broken = [cell.row for cell in self.broken if cell.row < self.height]
        return filled.scatter(broken, True) if broken else filled

    def address(self, row_number: int, column: int) -> str | None:
        """A1 address of a cell, by the sender's row number and the index of the column."""
        return f"{self.letter(column)}{row_number}" if self.has_letters else None

    def letter(self, column: int) -> str:
        """Column letter, as in A1."""
        index, letters = self.first_column + column + 1, ""
        while index:
            index, rest = divmod(index - 1, 26)
            letters = chr(ord("A") + rest) + letters
        return letters


def typed_columns(rows: Iterator[list[Any]], width: int = 0) -> list[Cells]:
    """Columns of rows of Python values, chunk by chunk; rows may be of different lengths."""
    parts: list[list[Cells]] = [[] for _ in range(width)]
    height = 0
    with _without_collector():
        while chunk := list(islice(rows, _ROWS_PER_CHUNK)):
            height = _add_chunk(chunk, parts, height)
    return [_joined(part, height) for part in parts or [[Cells(height)]]]


@contextmanager
def _without_collector() -> Iterator[None]:
    """The cyclic collector off: rows of plain values hold no cycles, but it would walk all of them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _add_chunk(chunk: list[list[Any]], parts: list[list[Cells]], height: int) -> int:
    """Append these rows to the parts of each column; gives the new height."""
    widest = max(map(len, chunk))
    if widest > min(map(len, chunk)):
        chunk = [row if len(row) == widest else [*row, *[""] * (widest - len(row))] for row in chunk]
    while len(parts) < widest:
        parts.append([Cells(height)] if height else [])
    for part, values in zip(parts, zip(*chunk, strict=True), strict=False):
        part.append(_cells(values))
    for part in parts[widest:]:
        part.append(Cells(len(chunk)))
    return height + len(chunk)


def _cells(values: tuple[Any, ...]) -> Cells:
    height = len(values)
    try:
        return Cells(height, text=pl.Series(values, dtype=pl.String, strict=True))
    except TypeError:
        pass
    kinds = set(map(type, values))
    if kinds == {float}:
        return Cells(height, number=pl.Series(values, dtype=pl.Float64))
    numbers: list[float | None] = [None] * height
    texts: list[str | None] = [None] * height
    moments: list[datetime | None] = [None] * height
    truths: list[bool | None] = [None] * height
    for index, value in enumerate(values):
        kind = type(value)
        if kind is str:
            texts[index] = value
        elif kind is float or (kind is int and abs(value) <= _EXACT_FLOAT):
            numbers[index] = value
        elif kind is bool:
            truths[index] = value
        elif kind is datetime:
            moments[index] = value
        elif kind is date:
            moments[index] = datetime(value.year, value.month, value.day)  # noqa: DTZ001
        elif kind is time or kind is timedelta:
            texts[index] = str(value)
        else:
            texts[index] = str(value)  # an integer longer than a float can hold
    return Cells(
        height,
        text=pl.Series(texts, dtype=pl.String) if kinds & {str, time, timedelta, int} else None,
        number=pl.Series(numbers, dtype=pl.Float64) if kinds & {float, int} else None,
        moment=pl.Series(moments, dtype=pl.Datetime("us")) if kinds & {date, datetime} else None,
        truth=pl.Series(truths, dtype=pl.Boolean) if bool in kinds else None,
    )


def _joined(parts: list[Cells], height: int) -> Cells:
    kinds: dict[str, pl.Series | None] = {}
    for kind in ("text", "number", "moment", "truth"):
        series = [getattr(part, kind) for part in parts]
        dtype = next((found.dtype for found in series if found is not None), None)
        if dtype is None:
            continue
        whole = pl.concat(
            [
                pl.repeat(None, part.height, dtype=dtype, eager=True) if found is None else found
                for part, found in zip(parts, series, strict=True)
            ]
        )
        if kind == "text":
            if whole.str.contains(r"^\s|\s$").any():
                whole = whole.str.strip_chars()
            whole = pl.select(pl.when(pl.lit(whole) != "").then(pl.lit(whole))).to_series()
        kinds[kind] = whole.fill_nan(None) if kind == "number" else whole
        if whole.null_count() == height:
            kinds[kind] = None
    return Cells(height, **kinds)
