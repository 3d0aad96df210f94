"""A workbook that repeats a file of another format, cell by cell, for the answer to be written into.

Every cell stands at the address where its sender sees it: numbers as numbers, dates as dates, texts as texts. A text
never becomes a formula, whatever it begins with.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import xlsxwriter
from xlsxwriter.exceptions import OverlappingRange

from ingestion.answering.content import Content, Point
from ingestion.answering.marker import FIRST_SHEET, MARK, is_answer_sheet
from ingestion.answering.worksheet import address_of
from ingestion.contract import heading_key
from ingestion.reading.sheet import Cells, Sheet

_ONLY_SHEET = "Dữ liệu"
_LONGEST_NAME = 31
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
_LONGEST_TEXT = 32_767
_MANY_CELLS = 500_000  # above, rows are written out as they come
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_FIRST_DAY = datetime(1900, 3, 1)  # noqa: DTZ001 - before, spreadsheet programs disagree on the day
_ROWS_AT_A_TIME = 5_000


def copied(sheets: Sequence[Sheet], content: Content) -> tuple[bytes, Content]:
    """The workbook, and the content whose points are placed in it.

    Without sheets it holds an empty sheet of the answer alone.
    """
    own = [sheet for sheet in sheets if not is_answer_sheet(sheet)]
    names = _names(own)
    target = io.BytesIO()
    options = {
        "constant_memory": sum(sheet.height * len(sheet.columns) for sheet in own) > _MANY_CELLS,
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    workbook = xlsxwriter.Workbook(target, options)
    workbook.set_properties({"created": content.received_at.astimezone(UTC)})  # not of the writing: it may be repeated
    if not own:
        workbook.add_worksheet(FIRST_SHEET).write_string(0, 0, MARK)
    formats = _Formats(workbook)
    for sheet, name in zip(own, names, strict=True):
        _write(workbook.add_worksheet(name), sheet, formats, merges=not options["constant_memory"])
    workbook.close()
    by_name = {sheet.name: (sheet, name) for sheet, name in zip(own, names, strict=True)}
    points = tuple(_placed(point, by_name) for point in content.points)
    return target.getvalue(), replace(content, points=points)


def _names(sheets: Sequence[Sheet]) -> list[str]:
    """A name for each sheet, as near to its own as a workbook allows, each once."""
    names: list[str] = []
    taken = {FIRST_SHEET.casefold()}
    for sheet in sheets:
        plain = _NOT_IN_NAMES.sub("_", sheet.name).strip().strip("'") or _ONLY_SHEET
        name, number = plain[:_LONGEST_NAME], 1
        while name.casefold() in taken or name.casefold() == "history":
            number += 1
            tail = f" ({number})"
            name = plain[: _LONGEST_NAME - len(tail)] + tail
        taken.add(name.casefold())
        names.append(name)
    return names


def _placed(point: Point, by_name: Mapping[str, tuple[Sheet, str]]) -> Point:
    """The point at its cell of the copy."""
    found = by_name.get(point.sheet_name or "")
    if found is None and point.sheet_name is None and len(by_name) == 1:
        found = next(iter(by_name.values()))
    if found is None:
        return point
    sheet, name = found
    cell = point.cell
    if not sheet.has_letters and point.row_number is not None:
        column = _column(sheet, point.headings) if point.headings else 0
        cell = address_of((point.row_number + _offset(sheet), column + 1))
    return replace(point, sheet_name=name, cell=cell)


def _offset(sheet: Sheet) -> int:
    """Rows of the copy before row 1: the headings of objects have number 0."""
    return 0 if sheet.has_letters or not sheet.height or sheet.row_numbers[0] else 1


def _column(sheet: Sheet, headings: Sequence[str]) -> int:
    keys = [heading_key(heading) for heading in headings]
    found = {heading_key(cells.at(0) or ""): index for index, cells in reversed(list(enumerate(sheet.columns)))}
    return next((found[key] for key in keys if key in found), 0)


class _Formats:
    """The few formats of the copy."""

    def __init__(self, workbook: Any) -> None:
        self.day = workbook.add_format({"num_format": "dd/mm/yyyy"})
        self.moment = workbook.add_format({"num_format": "dd/mm/yyyy hh:mm"})
        self.long_number = workbook.add_format({"num_format": "0"})
        self.text = workbook.add_format({"num_format": "@"})
        self.quoted = workbook.add_format({"num_format": "@", "quote_prefix": True})


def _write(worksheet: Any, sheet: Sheet, formats: _Formats, *, merges: bool) -> None:
    first, offset = sheet.first_column, _offset(sheet) - 1
    for index, width in enumerate(_widths(sheet)):
        worksheet.set_column(first + index, first + index, width)
    for number, values in _rows(sheet):
        row = number + offset
        if row >= _MOST_ROWS:
            break
        for index, value in enumerate(values):
            if value is not None and first + index < _MOST_COLUMNS:
                _write_cell(worksheet, row, first + index, value, formats)
    for broken in sheet.broken:
        row = int(sheet.row_numbers[broken.row]) + offset if broken.row < sheet.height else -1
        if merges and 0 <= row < _MOST_ROWS and sheet.columns[broken.column].at(broken.row) is None:
            worksheet.write_string(row, first + broken.column, broken.text[:_LONGEST_TEXT], formats.quoted)
    if merges:
        _merge(worksheet, sheet, formats)


def _rows(sheet: Sheet) -> Iterator[tuple[int, list[Any]]]:
    """The number of each row with its values; None where a cell is blank."""
    for start in range(0, sheet.height, _ROWS_AT_A_TIME):
        length = min(_ROWS_AT_A_TIME, sheet.height - start)
        numbers = sheet.row_numbers.slice(start, length).to_list()
        columns = [_values(cells.slice(start, length)) for cells in sheet.columns]
        yield from zip(numbers, map(list, zip(*columns, strict=True)) if columns else [[]] * length, strict=True)


def _values(cells: Cells) -> list[Any]:
    values: list[Any] = [None] * cells.height
    for series in cells.series():
        for index, value in enumerate(series.to_list()):
            if value is not None:
                values[index] = value
    return values


def _write_cell(worksheet: Any, row: int, column: int, value: Any, formats: _Formats) -> None:
    if isinstance(value, bool):
        worksheet.write_boolean(row, column, value)
    elif isinstance(value, datetime):
        if value >= _FIRST_DAY:
            has_time = value.time() != value.min.time()
            worksheet.write_datetime(row, column, value, formats.moment if has_time else formats.day)
        else:
            worksheet.write_string(row, column, f"{value:%d/%m/%Y}", formats.text)
    elif isinstance(value, int | float):
        long = abs(value) >= 1e11 and float(value).is_integer()
        worksheet.write_number(row, column, value, formats.long_number if long else None)
    else:
        text = str(value)
        if len(text) > _LONGEST_TEXT:
            text = text[: _LONGEST_TEXT - 1] + "…"
        worksheet.write_string(row, column, text, formats.quoted if text.startswith(_FORMULA_STARTS) else None)


def _merge(worksheet: Any, sheet: Sheet, formats: _Formats) -> None:
    for (top, left), (bottom, right) in sheet.merged:
        index = left - sheet.first_column
        if (top, left) == (bottom, right) or not 0 <= index < len(sheet.columns) or top >= sheet.height:
            continue
        try:
            worksheet.merge_range(top, left, bottom, right, "")
        except OverlappingRange:
            continue
        one_row = pl.Series([top])
        value = _values(sheet.columns[index].gather(one_row))[0]
        if value is not None:
            _write_cell(worksheet, top, left, value, formats)


def _widths(sheet: Sheet) -> list[float]:
    """Characters of each column: those of its longest text, within reason."""
    widths: list[float] = []
    for cells in sheet.columns:
        texts = cells.text.head(200).str.len_chars().quantile(0.9) if cells.text is not None else None
        widths.append(min(max(float(texts or 0) + 2, 12.0), 40.0))
    return widths
