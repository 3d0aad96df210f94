"""Text files as sheets (CSV, JSON, HTML, XML): encoding, delimiter and shape are told by the content."""

import csv
import io
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any, Literal

import polars as pl

from ingestion.reading.html_table import read_html
from ingestion.reading.legacy_text import find_code
from ingestion.reading.sheet import Cells, Sheet, typed_columns
from ingestion.reading.spreadsheet_xml import NAMESPACE, read_spreadsheet_xml
from ingestion.reading.unreadable import UnreadableFileError, damaged, too_many_cells, too_many_columns, unsupported
from ingestion.settings import Settings


def read_text_file(content: bytes, settings: Settings) -> list[Sheet]:
    """The sheets of a CSV, JSON, JSON Lines, HTML or XML file. Raises UnreadableFileError."""
    text = _decode(content)
    head = text[:_HEAD].lstrip("\ufeff \t\r\n")[:1000].lower()
    if head.startswith("<"):
        if NAMESPACE in text[:_HEAD]:
            return read_spreadsheet_xml(text, settings)
        if _HTML.search(text[:_HEAD]):
            return read_html(text, settings)
        raise unsupported("XML")
    if head.startswith("mime-version:"):
        raise unsupported("MHTML")
    if not head:
        raise UnreadableFileError("tệp không có nội dung", "the file has no content")
    if head[0] in "[{":
        return _read_json(text, settings)
    return _read_csv(text, settings)


_HEAD = 20_000
_SAMPLE = 200_000
_LONG_LINE = re.compile(r"(?:^|[\r\n])[^\r\n]{1000000}")
_LONGEST_NUMBER = 300  # digits; longer is none
_CELL_ENDS = re.compile(r"[\r\n\t;,|<>\"]+")
_HTML = re.compile(r"<(?:html|!doctype html|table|tr|meta|body)\b", re.IGNORECASE)
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*(windows-125[28]|iso-8859-1|utf-16)", re.IGNORECASE)
_UNKNOWN = UnreadableFileError("định dạng không nhận ra", "unknown file format")


def _decode(content: bytes) -> str:
    encoding = _encoding(content)
    if encoding == "utf-8" and _has_controls(content[:4096].decode("latin-1")):
        raise _UNKNOWN
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise damaged(f"{encoding}: {error.reason}") from error
        try:
            text = content.decode(_code_page(content))
        except UnicodeDecodeError:
            raise UnreadableFileError(
                "bảng mã không nhận ra; hãy lưu CSV dạng UTF-8", "unknown text encoding; save the CSV as UTF-8"
            ) from error
    if _has_controls(text[:4096]):
        raise _UNKNOWN
    return text


def _code_page(content: bytes) -> str:
    """The code page of a text that is not in Unicode: as it declares, that of old fonts, or the Vietnamese one."""
    if declared := _CHARSET.search(content[:_HEAD]):
        return declared[1].decode()
    latin = content[:_SAMPLE].decode("cp1252", "replace")
    return "cp1252" if find_code(_CELL_ENDS.split(latin)) else "cp1258"


def _has_controls(text: str) -> bool:
    """Whether a text is none: more control characters than a slip leaves."""
    return sum(letter < " " and letter not in "\t\r\n\x0b\x0c" for letter in text) > len(text) // 50


def _encoding(content: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return encoding
    sample = content[:4096]
    if sample.count(0) > len(sample) // 8:  # every other byte of Latin text in UTF-16
        return "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be"
    return "utf-8"


# The limit is the process's, so it is set once and for all: the size of a file bounds its fields.
csv.field_size_limit(sys.maxsize)

_TEXT_FORMULA = r'^="([^"]*)"$'


def _read_csv(text: str, settings: Settings) -> list[Sheet]:
    if _LONG_LINE.search(text):
        raise damaged("có dòng dài quá một triệu ký tự", "a line has more than a million characters")
    delimiter = _delimiter(text)
    numbers: list[int] = []
    width = 0

    def records(quoting: Literal[0, 3]) -> Iterator[list[str]]:
        nonlocal width
        numbers.clear()
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, quoting=quoting)
        line = 1
        for record in reader:
            numbers.append(line)
            line = reader.line_num + 1
            width = max(width, len(record))
            if width > settings.max_columns:
                raise too_many_columns(width, settings.max_columns)
            if len(numbers) * width > settings.max_cells:
                raise too_many_cells(len(numbers) * width, settings.max_cells)
            yield record

    try:
        columns = typed_columns(records(csv.QUOTE_MINIMAL))
    except csv.Error as error:
        # A stray quotation mark: harmless if every line has its cells without regard to quotes, else a loss of rows.
        line = (numbers[-1] + 1) if numbers else 1
        widths = Counter(len(record) for record in records(csv.QUOTE_NONE) if any(record))
        if len(widths) != 1:
            raise damaged(f"dấu nháy kép không khớp, dòng {line}", f"unbalanced quotation mark, line {line}") from error
        columns = typed_columns(list(map(_without_quotes, record)) for record in records(csv.QUOTE_NONE))
    columns = [_without_formulas(cells) for cells in columns]
    return [Sheet(name="", columns=columns, row_numbers=pl.Series(numbers, dtype=pl.Int32))]


def _without_quotes(text: str) -> str:
    """A cell as its quotes mean it, where the file as a whole cannot be read by its quotes."""
    quoted = len(text) > 1 and text.startswith('"') and text.endswith('"')
    return text[1:-1].replace('""', '"') if quoted else text


def _without_formulas(cells: Cells) -> Cells:
    """`="07645"` is how some write a text that a spreadsheet should not take for a number."""
    if cells.text is None or not cells.text.str.contains(_TEXT_FORMULA).any():
        return cells
    return replace(cells, text=cells.text.str.replace(_TEXT_FORMULA, "$1"))


def _delimiter(text: str) -> str:
    """The delimiter that cuts the lines into many cells, and all into as many: decimal commas do so in few."""
    sample = text[:200_000]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    best, best_score = ",", 0.0
    for delimiter in ";\t|,":
        records = islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), 500)
        widths = Counter(len(record) for record in records if any(record))
        score = max(((width - 1) * (lines / widths.total()) ** 2 for width, lines in widths.items()), default=0.0)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _read_json(text: str, settings: Settings) -> list[Sheet]:
    try:
        try:
            document = _parse_json(text)
        except json.JSONDecodeError as error:
            if error.msg != "Extra data":
                raise
            return [_lines_sheet(text, settings)]
    except (json.JSONDecodeError, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise damaged("JSON lồng quá sâu", "JSON nested too deeply") from error
        line, detail = error.lineno, error.msg
        raise damaged(f"JSON, dòng {line}: {detail}", f"JSON, line {line}: {detail}") from error
    tables = {"": document}
    if isinstance(document, dict):
        tables = {key: value for key, value in document.items() if isinstance(value, list)}
        # Beside its rows a document may list its columns or its signers.
        tables = {
            key: rows for key, rows in tables.items() if any(isinstance(row, dict | list) for row in rows)
        } or tables
        if not tables:
            tables = {"": [document]}
    return [_objects_sheet(name, table, settings) for name, table in tables.items()]


def _lines_sheet(text: str, settings: Settings) -> Sheet:
    numbers, elements = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                elements.append(_parse_json(line))
            except json.JSONDecodeError as error:
                raise damaged(f"JSON, dòng {number}: {error.msg}", f"JSON, line {number}: {error.msg}") from error
            numbers.append(number)
    return _objects_sheet("", elements, settings, numbers)


def _parse_json(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise damaged(
                f"JSON, khóa {key!r} lặp lại trong một đối tượng", f"JSON, key {key!r} stands twice in an object"
            )
        return result

    def no_number(name: str) -> None:
        raise damaged(f"JSON, {name} không phải là số", f"JSON, {name} is no number")

    return json.loads(
        text, object_pairs_hook=unique, parse_int=_parse_int, parse_float=_parse_float, parse_constant=no_number
    )


def _parse_int(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits


def _parse_float(digits: str) -> float | str:
    """A number; the text of one that is larger than any."""
    value = float(digits)
    return digits if math.isinf(value) else value


def _objects_sheet(name: str, elements: list[Any], settings: Settings, numbers: list[int] | None = None) -> Sheet:
    """Objects as rows under a heading row (number 0) of their keys; arrays as rows of cells."""
    numbers = numbers or list(range(1, len(elements) + 1))
    if all(isinstance(element, list) for element in elements):
        rows: Iterable[list[Any]] = elements
    elif all(isinstance(element, dict) for element in elements):
        keys = list(dict.fromkeys(chain.from_iterable(elements)))
        if len(keys) > settings.max_columns:
            raise too_many_columns(len(keys), settings.max_columns)
        if len(keys) * len(elements) > settings.max_cells:
            raise too_many_cells(len(keys) * len(elements), settings.max_cells)
        numbers = [0, *numbers]
        rows = chain([keys], ([element.get(key) for key in keys] for element in elements))
    else:
        raise damaged("JSON, các phần tử không phải là đối tượng", "JSON, its elements are no objects")
    return Sheet(
        name=name,
        columns=typed_columns(map(_json_cells, rows)),
        row_numbers=pl.Series(numbers, dtype=pl.Int32),
        has_letters=False,
    )


def _json_cells(row: list[Any]) -> list[Any]:
    return [value if value.__class__ in _PLAIN else _json_cell(value) for value in row]


def _json_cell(value: Any) -> str:
    """What is no plain value: nothing, or a list of plain ones."""
    if value is None:
        return ""
    if isinstance(value, list) and all(item.__class__ in _PLAIN for item in value):
        return "; ".join(map(str, value))
    raise damaged("JSON, một ô chứa đối tượng lồng nhau", "JSON, a cell holds a nested object")


_PLAIN = frozenset({str, int, float, bool})
