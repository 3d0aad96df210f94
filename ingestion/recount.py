"""The second count: rows and dong of a report, once more from the archived bytes, by a way of its own.

It shares with the reader what a person would be told before counting: which sheet, which rows are data (the sender's
numbers), which column is an amount and its unit. Opening the cells, finding filled rows, reading the amounts and adding
them up is done again here, one cell at a time. What it cannot count it names, and never takes for counted. A wrong kind
of row or unit it does not see; the totals that senders state tell of those (rule `total_mismatch`).
"""

import csv
import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_DELIMITERS = ",;\t|"
_PLAIN = re.compile(r"-?\d+")
_GROUPED = re.compile(r"-?\d{1,3}([., \u00a0])\d{3}(?:\1\d{3})*")


@dataclass(frozen=True, slots=True)
class Counted:
    """What to count in a sheet. `amounts` gives by column name its index from A and dong per unit; `passed_over` the
    numbers of rows whose cell was not read, by column name."""

    sheet_name: str
    width: int
    has_errors: bool
    data_rows: Collection[int]
    amounts: Mapping[str, tuple[int, int]]
    passed_over: Mapping[str, Collection[int]]


@dataclass(frozen=True, slots=True)
class Recount:
    """Filled rows of the sheets, None if they cannot be counted; dong by column, as text; what was not counted."""

    filled_rows: int | None
    amounts: Mapping[str, str]
    not_recounted: str


class _UncountableError(Exception):
    """The message says why."""


def recount(path: Path, sheets: Sequence[Counted]) -> Recount:
    """Count the sheets of one report again."""
    names = sorted({name for sheet in sheets for name in sheet.amounts})
    try:
        grids = [(sheet, _rows(path, sheet)) for sheet in sheets]
    except (_UncountableError, CalamineError, ValueError) as error:
        return Recount(None, {}, str(error) if isinstance(error, _UncountableError) else type(error).__name__)
    filled: int | None = sum(any(map(_is_filled, row)) for _, rows in grids for row in rows.values())
    missed = []
    if any(sheet.has_errors for sheet in sheets):
        filled = None
        missed.append("rows: cells hold errors")
    amounts = {}
    for name in names:
        try:
            amounts[name] = str(sum(_dong(sheet, rows, name) for sheet, rows in grids))
        except _UncountableError as error:
            missed.append(f"{name}: {error}")
    return Recount(filled, amounts, "; ".join(missed))


def _rows(path: Path, sheet: Counted) -> dict[int, list[Any]]:
    """The cells of a sheet by the number of the row, as the sender sees it."""
    content = path.read_bytes()
    if content.startswith(_WORKBOOKS):
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            cells = workbook.get_sheet_by_name(sheet.sheet_name).to_python(skip_empty_area=False)
        return dict(enumerate(cells, start=1))
    text = _text(content)
    if text.lstrip().startswith(("[", "{")):
        return _objects(text, sheet.sheet_name)
    if text.lstrip().startswith("<"):
        raise _UncountableError("HTML and XML have no second reader")
    fitting = []
    for delimiter in _DELIMITERS:
        try:
            rows = _records(text, delimiter)
        except csv.Error:
            continue
        if max(map(len, rows.values()), default=0) == sheet.width:
            fitting.append(rows)
    if len(fitting) == 1:
        return fitting[0]
    raise _UncountableError("quotation marks or delimiters that only the reader understands")


def _text(content: bytes) -> str:
    """The text; of one in an old code page the letters are wrong, and digits and delimiters are not."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in content:
            raise _UncountableError("an encoding that only the reader understands") from error
        return content.decode("latin-1")


def _records(text: str, delimiter: str) -> dict[int, list[Any]]:
    rows: dict[int, list[Any]] = {}
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    for record in reader:
        rows[line] = list(record)
        line = reader.line_num + 1
    return rows


def _objects(text: str, name: str) -> dict[int, list[Any]]:
    try:
        document = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise _UncountableError("JSON by lines has no second reader") from error
    table = document.get(name) if isinstance(document, dict) else document
    if not isinstance(table, list) or not all(isinstance(element, dict) for element in table):
        raise _UncountableError("JSON that is no list of objects has no second reader")
    keys = list(dict.fromkeys(key for element in table for key in element))
    # The keys stand for the heading, which the reader counts as a row.
    return {0: list(keys)} | {
        number: [element.get(key) for key in keys] for number, element in enumerate(table, start=1)
    }


def _is_filled(cell: Any) -> bool:
    return cell is not None and cell != [] and (not isinstance(cell, str) or cell.strip() != "")


def _dong(sheet: Counted, rows: Mapping[int, list[Any]], name: str) -> int:
    """The amounts of a column in the data rows of a sheet, added up."""
    if name not in sheet.amounts:
        return 0
    index, factor = sheet.amounts[name]
    passed_over = sheet.passed_over.get(name, ())
    total = Decimal(0)
    for number in sheet.data_rows:
        row = rows.get(number, [])
        if number not in passed_over and index < len(row):
            total += _number(row[index], factor) * factor
    if total != int(total):
        raise _UncountableError("fractions of a dong")
    return int(total)


def _number(cell: Any, factor: int) -> Decimal:
    if isinstance(cell, int | Decimal) and not isinstance(cell, bool):
        return Decimal(cell)
    if isinstance(cell, float):
        return Decimal(int(cell)) if cell.is_integer() else Decimal(f"{cell:.15g}")
    if cell is None:
        return Decimal(0)
    text = cell.strip() if isinstance(cell, str) else str(cell)
    if not any(letter.isdigit() for letter in text):
        return Decimal(0)
    grouped = _GROUPED.fullmatch(text)
    # A single group may be decimals, but there are none of a dong.
    if _PLAIN.fullmatch(text) or (grouped and (factor == 1 or text.count(grouped[1]) > 1)):
        return Decimal(re.sub(r"[^\d-]", "", text))
    raise _UncountableError("numbers written in a way that only the reader understands")
