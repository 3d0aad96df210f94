"""Open what a sender sent: workbook, CSV or JSON, told by its content, as sheets of natively typed columns.

Nothing here knows a data set. A file that is damaged, locked, of another format or larger than the limits raises
`UnreadableFileError` with the exact reason; limits are checked before anything is expanded in memory.
"""

import csv
import gc
import io
import json
import re
import xml.parsers.expat
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from html import unescape
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import polars as pl
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from ingestion.settings import Settings

_ROWS_PER_CHUNK = 5_000  # bounds the Python objects alive at once
_BYTES_PER_CHUNK = 1 << 20
_EXACT_FLOAT = 2**53
_MIB = 1 << 20


class UnreadableFileError(Exception):
    """The file cannot be read; the reason in the sender's words."""

    def __init__(self, reason_vi: str, reason_en: str) -> None:
        super().__init__(reason_en)
        self.reason_vi = reason_vi
        self.reason_en = reason_en


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
    """A cell whose workbook holds no value for it: an error, or a formula that was never computed."""

    row: int
    column: int
    text: str


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


def read_sheets(path: Path, settings: Settings) -> list[Sheet]:
    """All sheets of a file, in its order. Raises UnreadableFileError."""
    size = path.stat().st_size
    if size == 0:
        raise UnreadableFileError("tệp rỗng (0 byte)", "the file is empty (0 bytes)")
    if size > settings.max_file_mb * _MIB:
        raise UnreadableFileError(
            f"tệp lớn {size / _MIB:.0f} MiB, quá giới hạn {settings.max_file_mb} MiB",
            f"the file is {size / _MIB:.0f} MiB, over the limit of {settings.max_file_mb} MiB",
        )
    content = path.read_bytes()
    if content.startswith(b"PK\x03\x04"):
        return _read_zip(content, settings)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _read_ole(content, settings)
    for magic, name in _OTHER_FORMATS:
        if content.startswith(magic):
            raise _unsupported(name)
    return _read_text(content, settings)


_OTHER_FORMATS = (
    (b"%PDF", "PDF"),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7-Zip"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x05\x06", "ZIP"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3", "SQLite"),
)


def _unsupported(name: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"định dạng {name} không được hỗ trợ; hãy gửi xlsx, xlsm, xls, xlsb, ods, csv hoặc json",
        f"format {name} is not supported; send xlsx, xlsm, xls, xlsb, ods, csv or json",
    )


def _damaged(detail: str, detail_en: str | None = None) -> UnreadableFileError:
    return UnreadableFileError(f"tệp bị hỏng: {detail}", f"the file is damaged: {detail_en or detail}")


def _too_many_cells(cells: int, settings: Settings) -> UnreadableFileError:
    return UnreadableFileError(
        f"vùng dữ liệu có {cells} ô, quá giới hạn {settings.max_cells} ô; hãy xóa các hàng, cột thừa",
        f"the used range has {cells} cells, over the limit of {settings.max_cells}; delete surplus rows and columns",
    )


# --- workbooks -------------------------------------------------------------------------------------------------------


def _read_zip(content: bytes, settings: Settings) -> list[Sheet]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise _damaged(str(error)) from error
    with archive:
        entries = archive.infolist()
        expanded = sum(entry.file_size for entry in entries)
        if expanded > settings.max_zip_ratio * len(content):
            raise UnreadableFileError(
                f"tệp nén giải ra gấp {expanded // len(content)} lần, quá giới hạn {settings.max_zip_ratio} lần",
                f"the file expands {expanded // len(content)} times, over the limit of {settings.max_zip_ratio}",
            )
        names = {entry.filename for entry in entries}
        if any(entry.flag_bits & 0x1 for entry in entries):
            raise UnreadableFileError("tệp được khóa bằng mật khẩu", "the file is locked by a password")
        broken: dict[str, list[Broken]] = {}
        if "xl/workbook.xml" in names or any(name.lower().endswith("/workbook.xml") for name in names):
            broken = _scan_xlsx(archive, settings)
        elif "xl/workbook.bin" in names:
            _scan_xlsb(archive, settings)
        elif "content.xml" in names and "mimetype" in names and b"spreadsheet" in archive.read("mimetype"):
            if b"manifest:encryption-data" in _entry(archive, "META-INF/manifest.xml", names):
                raise UnreadableFileError("tệp được khóa bằng mật khẩu", "the file is locked by a password")
            _scan_ods(archive, settings)
        else:
            raise _unsupported("Word" if any(name.startswith("word/") for name in names) else "ZIP")
    return _read_calamine(content, settings, broken)


def _entry(archive: zipfile.ZipFile, name: str, names: set[str]) -> bytes:
    return archive.read(name) if name in names else b""


def _read_ole(content: bytes, settings: Settings) -> list[Sheet]:
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise UnreadableFileError("tệp được khóa bằng mật khẩu", "the file is locked by a password")
    if "WordDocument".encode("utf-16-le") in content:
        raise _unsupported("Word")
    if not any(name.encode("utf-16-le") in content for name in ("Workbook", "Book")):
        raise _unsupported("OLE")
    return _read_calamine(content, settings, {})


def _read_calamine(content: bytes, settings: Settings, broken: dict[str, list[Broken]]) -> list[Sheet]:
    sheets = []
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            for metadata in workbook.sheets_metadata:
                if metadata.typ != SheetTypeEnum.WorkSheet:
                    continue
                sheet = workbook.get_sheet_by_name(metadata.name)
                if sheet.start is None or sheet.end is None:
                    continue
                cells = (sheet.end[0] + 1) * (sheet.end[1] - sheet.start[1] + 1)
                if cells > settings.max_cells:
                    raise _too_many_cells(cells, settings)
                first_column = sheet.start[1]
                columns = _columns(sheet.iter_rows(), sheet.end[1] - first_column + 1)
                height = columns[0].height
                sheets.append(
                    Sheet(
                        name=metadata.name,
                        columns=columns,
                        row_numbers=pl.int_range(1, height + 1, dtype=pl.Int32, eager=True),
                        first_column=first_column,
                        hidden=metadata.visible != SheetVisibleEnum.Visible,
                        merged=sheet.merged_cell_ranges or (),
                        broken=[
                            Broken(cell.row, cell.column - first_column, cell.text)
                            for cell in broken.get(metadata.name, [])
                        ],
                    )
                )
    except UnreadableFileError:
        raise
    except PasswordError as error:
        raise UnreadableFileError("tệp được khóa bằng mật khẩu", "the file is locked by a password") from error
    except (CalamineError, OSError, ValueError) as error:
        raise _damaged(str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a panic of the native reader, no subclass of Exception
            raise
        raise _damaged("không đọc được bảng tính", "the workbook cannot be read") from error
    return sheets


_SHEET = re.compile(rb"<(?:\w+:)?sheet\s([^>]*)>")
_RELATIONSHIP = re.compile(rb"<(?:\w+:)?Relationship\s([^>]*)>")
_ATTRIBUTE = re.compile(rb"([\w:]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_DIMENSION = re.compile(rb"<(?:\w+:)?dimension\s+ref=[\"'](?:[A-Z]+[0-9]+:)?([A-Z]+)([0-9]+)[\"']")
_WORKSHEET = re.compile(rb"(<(?:\w+:)?)worksheet\b")
_WIDE_CELL = re.compile(rb"r=\"[A-Z]{3}[0-9]")
_CELL = re.compile(rb"<(?:\w+:)?c\s([^>]*)(?<!/)>(.*?)</(?:\w+:)?c>", re.DOTALL)
_FILLED_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?r=\"([A-Z]+)([0-9]+)\"[^>]*(?<!/)>(?!</)")
_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]+)<")
_FORMULA = re.compile(rb"<(?:\w+:)?f(?:\s[^>]*)?>([^<]*)<")
_ROW_NUMBER = re.compile(rb"<(?:\w+:)?row\s[^>]*?r=\"([0-9]+)\"")


def _scan_xlsx(archive: zipfile.ZipFile, settings: Settings) -> dict[str, list[Broken]]:
    """Check the size of every sheet before it is expanded, and find the cells that the native reader takes for blank
    though they hold an error or a formula without a value. By sheet name, rows and columns counted from A1."""
    broken: dict[str, list[Broken]] = {}
    try:
        for name in archive.namelist():
            if name.startswith("xl/") and name.endswith(("sharedStrings.xml", "styles.xml")):
                _read_through(archive, name)
        for sheet_name, part in _xlsx_parts(archive):
            broken[sheet_name] = _scan_sheet(archive, part, settings)
    except _ZIP_ERRORS as error:
        raise _damaged(str(error)) from error
    return broken


_ZIP_ERRORS = (zipfile.BadZipFile, zipfile.zlib.error, NotImplementedError, EOFError, KeyError, OSError)  # type: ignore[attr-defined]


def _read_through(archive: zipfile.ZipFile, name: str) -> None:
    """Fails where an entry is not as long as the archive's directory says: the limits above trusted it."""
    with archive.open(name) as stream:
        while stream.read(_BYTES_PER_CHUNK):
            pass


def _xlsx_parts(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """(sheet name, name of the entry) of each worksheet."""
    targets = {}
    for tag in _RELATIONSHIP.findall(archive.read("xl/_rels/workbook.xml.rels")):
        relationship = _attributes(tag)
        if relationship.get("Type", "").endswith("/worksheet"):
            target = relationship.get("Target", "")
            targets[relationship.get("Id")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    parts = []
    for tag in _SHEET.findall(archive.read("xl/workbook.xml")):
        sheet = _attributes(tag)
        reference = next((value for key, value in sheet.items() if key.endswith(":id")), None)
        if reference in targets:
            parts.append((sheet.get("name", ""), targets[reference]))
    return parts


def _attributes(tag: bytes) -> dict[str, str]:
    return {
        key.decode("utf-8", "replace"): unescape((double or single).decode("utf-8", "replace"))
        for key, double, single in _ATTRIBUTE.findall(tag)
    }


def _scan_sheet(archive: zipfile.ZipFile, part: str, settings: Settings) -> list[Broken]:
    broken: list[Broken] = []
    last_row, wide, dimension, prefix = 0, False, None, b"<"
    pieces_looked_through = 8  # for a far column; a larger sheet hides none behind a false dimension
    for position, piece in enumerate(_cell_pieces(archive, part)):
        if position == 0:
            if match := _DIMENSION.search(piece):
                dimension = int(match[2]), _column_index(match[1]) + 1
            if match := _WORKSHEET.search(piece):
                prefix = match[1]
        if start := _ROW_NUMBER.search(piece, max(piece.rfind(prefix + b"row "), 0)):
            last_row = int(start[1])
        wide = wide or (position < pieces_looked_through and _WIDE_CELL.search(piece) is not None)
        # Single bytes are found much faster than tags: an error begins with #, and no other tag of a row has an f.
        if (b"#" in piece and b't="e"' in piece) or (b"f" in piece and prefix + b"f" in piece):
            broken.extend(_broken_cells(piece))
    rows, columns = dimension or (last_row, 0)
    if not columns or rows < last_row or (wide and columns <= 702) or rows * columns > settings.max_cells:
        # No dimension, or one that is wrong or counts cells that only have a border: look at each filled cell.
        rows = columns = 0
        for piece in _cell_pieces(archive, part):
            for letters, row in _FILLED_CELL.findall(piece):
                rows, columns = max(rows, int(row)), max(columns, _column_index(letters) + 1)
    if rows * columns > settings.max_cells:
        raise _too_many_cells(rows * columns, settings)
    return broken


def _cell_pieces(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """The XML of a sheet in pieces that end where a cell ends."""
    rest = b""
    with archive.open(part) as stream:
        while chunk := stream.read(_BYTES_PER_CHUNK):
            chunk = rest + chunk
            cut = chunk.rfind(b"c>") + 2
            rest = chunk[cut:]
            yield chunk[:cut]
    yield rest


def _broken_cells(piece: bytes) -> Iterator[Broken]:
    for attributes, inner in _CELL.findall(piece):
        value = _VALUE.search(inner)
        is_error = b't="e"' in attributes
        formula = _FORMULA.search(inner)
        if not is_error and (formula is None or value is not None or b't="str"' in attributes):
            continue
        if address := re.search(rb"r=\"([A-Z]+)([0-9]+)\"", attributes):
            text = value[1] if is_error and value else b"=" + formula[1] if formula else b""
            yield Broken(int(address[2]) - 1, _column_index(address[1]), unescape(text.decode("utf-8", "replace")))


def _column_index(letters: bytes) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index - 1


def _scan_xlsb(archive: zipfile.ZipFile, settings: Settings) -> None:
    try:
        for name in archive.namelist():
            if not name.startswith("xl/") or not name.endswith(".bin"):
                continue
            with archive.open(name) as stream:
                head = stream.read(_BYTES_PER_CHUNK)
                while stream.read(_BYTES_PER_CHUNK):
                    pass
            if name.startswith("xl/worksheets/") and 0 <= (start := head.find(b"\x94\x01\x10")) < 4096:
                bounds = [int.from_bytes(head[start + 3 + 4 * n : start + 7 + 4 * n], "little") for n in range(4)]
                if (cells := (bounds[1] + 1) * (bounds[3] - bounds[2] + 1)) > settings.max_cells:
                    raise _too_many_cells(cells, settings)
    except _ZIP_ERRORS as error:
        raise _damaged(str(error)) from error


def _scan_ods(archive: zipfile.ZipFile, settings: Settings) -> None:
    """An OpenDocument cell or row may stand for many: count before they are expanded."""
    row = column = last_row = last_column = row_repeat = 0
    filled = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, last_row, last_column, row_repeat, filled
        if name == "table:table":
            row = column = last_row = last_column = 0
        elif name == "table:table-row":
            column, filled = 0, False
            row_repeat = int(attributes.get("table:number-rows-repeated", "1"))
        elif name in ("table:table-cell", "table:covered-table-cell"):
            column += int(attributes.get("table:number-columns-repeated", "1"))
            if "office:value-type" in attributes:
                filled, last_column = True, max(last_column, column)

    def end(name: str) -> None:
        nonlocal row, last_row
        if name == "table:table-row":
            row += row_repeat
            last_row = row if filled else last_row
            if last_row * last_column > settings.max_cells:
                raise _too_many_cells(last_row * last_column, settings)

    def refuse_entity(*_arguments: object) -> None:
        raise _damaged("có khai báo thực thể XML", "it declares an XML entity")

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = refuse_entity
    try:
        with archive.open("content.xml") as stream:
            while chunk := stream.read(_BYTES_PER_CHUNK):
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (*_ZIP_ERRORS, xml.parsers.expat.ExpatError, ValueError) as error:
        raise _damaged(str(error)) from error


# --- text files ------------------------------------------------------------------------------------------------------


def _read_text(content: bytes, settings: Settings) -> list[Sheet]:
    text = _decode(content)
    head = text.lstrip()[:1000].lower()
    if head.startswith(("<html", "<!doctype html", "<table")):
        raise _unsupported("HTML")
    if head.startswith("<"):
        raise _unsupported("XML")
    if not head:
        raise UnreadableFileError("tệp không có nội dung", "the file has no content")
    if head[0] in "[{":
        return _read_json(text, settings)
    return _read_csv(text, settings)


_UNKNOWN = UnreadableFileError("định dạng không nhận ra", "unknown file format")


def _decode(content: bytes) -> str:
    encoding = _encoding(content)
    if encoding == "utf-8" and _has_controls(content[:4096].decode("latin-1")):
        raise _UNKNOWN
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise _damaged(f"{encoding}: {error.reason}") from error
        try:
            text = content.decode("cp1258")
        except UnicodeDecodeError:
            raise UnreadableFileError(
                "bảng mã không nhận ra; hãy lưu CSV dạng UTF-8", "unknown text encoding; save the CSV as UTF-8"
            ) from error
    if _has_controls(text[:4096]):
        raise _UNKNOWN
    return text


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


def _read_csv(text: str, settings: Settings) -> list[Sheet]:
    csv.field_size_limit(max(len(text), 1))
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
            if len(numbers) * width > settings.max_cells:
                raise _too_many_cells(len(numbers) * width, settings)
            yield record

    try:
        columns = _columns(records(csv.QUOTE_MINIMAL))
    except csv.Error as error:
        # A stray quotation mark: harmless if every line has its cells without regard to quotes, else a loss of rows.
        line = (numbers[-1] + 1) if numbers else 1
        widths = Counter(len(record) for record in records(csv.QUOTE_NONE) if any(record))
        if len(widths) != 1:
            raise _damaged(
                f"dấu nháy kép không khớp, dòng {line}", f"unbalanced quotation mark, line {line}"
            ) from error
        columns = _columns(records(csv.QUOTE_NONE))
    return [Sheet(name="", columns=columns, row_numbers=pl.Series(numbers, dtype=pl.Int32))]


def _delimiter(text: str) -> str:
    """The delimiter that cuts most lines into the same, largest number of cells."""
    sample = text[:200_000]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    best, best_score = ",", 0.0
    for delimiter in ";\t|,":
        records = islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), 500)
        widths = Counter(len(record) for record in records if any(record))
        score = max((lines * (width - 1) for width, lines in widths.items()), default=0)
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
            raise _damaged("JSON lồng quá sâu", "JSON nested too deeply") from error
        line, detail = error.lineno, error.msg
        raise _damaged(f"JSON, dòng {line}: {detail}", f"JSON, line {line}: {detail}") from error
    tables = {"": document}
    if isinstance(document, dict):
        tables = {key: value for key, value in document.items() if isinstance(value, list)}
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
                raise _damaged(f"JSON, dòng {number}: {error.msg}", f"JSON, line {number}: {error.msg}") from error
            numbers.append(number)
    return _objects_sheet("", elements, settings, numbers)


def _parse_json(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise _damaged(
                f"JSON, khóa {key!r} lặp lại trong một đối tượng", f"JSON, key {key!r} stands twice in an object"
            )
        return result

    return json.loads(text, object_pairs_hook=unique)


def _objects_sheet(name: str, elements: list[Any], settings: Settings, numbers: list[int] | None = None) -> Sheet:
    """Objects as rows under a heading row (number 0) of their keys; arrays as rows of cells."""
    numbers = numbers or list(range(1, len(elements) + 1))
    if all(isinstance(element, list) for element in elements):
        rows: Iterable[list[Any]] = elements
    elif all(isinstance(element, dict) for element in elements):
        keys = list(dict.fromkeys(chain.from_iterable(elements)))
        if len(keys) * len(elements) > settings.max_cells:
            raise _too_many_cells(len(keys) * len(elements), settings)
        numbers = [0, *numbers]
        rows = chain([keys], ([element.get(key) for key in keys] for element in elements))
    else:
        raise _damaged("JSON, các phần tử không phải là đối tượng", "JSON, its elements are no objects")
    return Sheet(
        name=name,
        columns=_columns(map(_json_cells, rows)),
        row_numbers=pl.Series(numbers, dtype=pl.Int32),
        has_letters=False,
    )


def _json_cells(row: list[Any]) -> list[Any]:
    return [
        value
        if value.__class__ in _PLAIN
        else ""
        if value is None
        else "; ".join(value)
        if isinstance(value, list) and all(isinstance(item, str) for item in value)
        else json.dumps(value, ensure_ascii=False)
        for value in row
    ]


_PLAIN = frozenset({str, int, float, bool})


# --- columns ---------------------------------------------------------------------------------------------------------


def _columns(rows: Iterator[list[Any]], width: int = 0) -> list[Cells]:
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
