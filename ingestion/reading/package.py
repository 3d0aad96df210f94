"""The zipped parts of a workbook, looked through before it is expanded.

Two things are wanted of them: that nothing expands beyond the limits, and what the native reader does not tell: cells
that hold an error or a formula without a value, which it takes for blank, and numbers shown as percent.
"""

import io
import re
import xml.parsers.expat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

from ingestion.reading.sheet import Broken
from ingestion.reading.unreadable import UnreadableFileError, damaged, locked, too_many_cells, unsupported
from ingestion.settings import Settings

_BYTES_PER_CHUNK = 1 << 20


@dataclass
class Marks:
    """What the native reader does not tell of a sheet. Rows and columns counted from 0 at A1."""

    broken: list[Broken] = field(default_factory=list)
    percent: list[tuple[int, int]] = field(default_factory=list)


def look_through(content: bytes, settings: Settings) -> dict[str, Marks]:
    """Marks by sheet name of a zipped workbook. Raises UnreadableFileError for what is none, or breaks a limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            expanded = sum(entry.file_size for entry in entries)
            if expanded > settings.max_zip_ratio * len(content):
                ratio, limit = expanded // len(content), settings.max_zip_ratio
                raise UnreadableFileError(
                    f"tệp nén giải ra gấp {ratio} lần, quá giới hạn {limit} lần",
                    f"the file expands {ratio} times, over the limit of {limit}",
                )
            if any(entry.flag_bits & 0x1 for entry in entries):
                raise locked()
            names = {entry.filename for entry in entries}
            if "xl/workbook.xml" in names:
                return _look_through_xlsx(archive, names, settings)
            if "xl/workbook.bin" in names:
                return _look_through_xlsb(archive, names, settings)
            if "content.xml" in names and "mimetype" in names and b"spreadsheet" in archive.read("mimetype"):
                return _look_through_ods(archive, names, settings)
            raise unsupported("Word" if any(name.startswith("word/") for name in names) else "ZIP")
    except _ZIP_ERRORS as error:
        raise damaged(str(error)) from error


_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, KeyError, OSError, ValueError)


_SHEET = re.compile(rb"<(?:\w+:)?sheet\s([^>]*)>")
_RELATIONSHIP = re.compile(rb"<(?:\w+:)?Relationship\s([^>]*)>")
_ATTRIBUTE = re.compile(rb"([\w:]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_DIMENSION = re.compile(rb"<(?:\w+:)?dimension\s+ref=[\"'](?:[A-Z]+[0-9]+:)?([A-Z]+)([0-9]+)[\"']")
_WORKSHEET = re.compile(rb"(<(?:\w+:)?)worksheet\b")
_WIDE_CELL = re.compile(rb"r=\"[A-Z]{3}[0-9]")
_CELL = re.compile(rb"<(?:\w+:)?c\s([^>]*)(?<!/)>(.*?)</(?:\w+:)?c>", re.DOTALL)
_FILLED_CELL = re.compile(rb"<(?:\w+:)?c\s[^>]*?r=\"([A-Z]+)([0-9]+)\"[^>]*(?<!/)>(?!</)")
_STYLED_CELL = re.compile(rb"<(?:\w+:)?c(\s[^>]*\bs=\"[0-9]+\"[^>]*)(?<!/)>")
_STYLE = re.compile(rb"\bs=\"([0-9]+)\"")
_NOT_NUMBER = re.compile(rb"\st=\"(?!n\")")
_ADDRESS = re.compile(rb"\br=\"([A-Z]+)([0-9]+)\"")
_NUMBER_FORMAT = re.compile(rb"<(?:\w+:)?numFmt\s([^>]*)>")
_CELL_STYLES = re.compile(rb"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", re.DOTALL)
_STYLE_FORMAT = re.compile(rb"<(?:\w+:)?xf\b[^>]*?numFmtId=\"([0-9]+)\"")
_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]+)<")
_FORMULA = re.compile(rb"<(?:\w+:)?f(?:\s[^>]*)?>([^<]*)<")
_ROW_NUMBER = re.compile(rb"<(?:\w+:)?row\s[^>]*?r=\"([0-9]+)\"")


def _look_through_xlsx(archive: zipfile.ZipFile, names: set[str], settings: Settings) -> dict[str, Marks]:
    if "xl/sharedStrings.xml" in names:
        _read_through(archive, "xl/sharedStrings.xml")
    percent = _percent_styles(archive.read("xl/styles.xml")) if "xl/styles.xml" in names else frozenset()
    return {name: _look_through_sheet(archive, part, percent, settings) for name, part in _xlsx_parts(archive)}


def _percent_styles(styles: bytes) -> frozenset[bytes]:
    """Numbers of the cell styles that show a number as percent."""
    formats = {b"9", b"10"}
    for tag in _NUMBER_FORMAT.findall(styles):
        named = _attributes(tag)
        if "%" in named.get("formatCode", ""):
            formats.add(named.get("numFmtId", "").encode())
    cell_styles = _CELL_STYLES.search(styles)
    return frozenset(
        str(index).encode()
        for index, number in enumerate(_STYLE_FORMAT.findall(cell_styles[0]) if cell_styles else ())
        if number in formats
    )


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


def _look_through_sheet(archive: zipfile.ZipFile, part: str, percent: frozenset[bytes], settings: Settings) -> Marks:
    marks = Marks()
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
            marks.broken.extend(_broken_cells(piece))
        if percent:
            marks.percent.extend(_percent_cells(piece, percent))
    rows, columns = dimension or (last_row, 0)
    if not columns or rows < last_row or (wide and columns <= 702) or rows * columns > settings.max_cells:
        # No dimension, or one that is wrong or counts cells that only have a border: look at each filled cell.
        rows = columns = 0
        for piece in _cell_pieces(archive, part):
            for letters, row in _FILLED_CELL.findall(piece):
                rows, columns = max(rows, int(row)), max(columns, _column_index(letters) + 1)
    if rows * columns > settings.max_cells:
        raise too_many_cells(rows * columns, settings.max_cells)
    return marks


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
        if address := _ADDRESS.search(attributes):
            text = value[1] if is_error and value else b"=" + formula[1] if formula else b""
            yield Broken(int(address[2]) - 1, _column_index(address[1]), unescape(text.decode("utf-8", "replace")))


def _percent_cells(piece: bytes, percent: frozenset[bytes]) -> Iterator[tuple[int, int]]:
    for tag in _STYLED_CELL.findall(piece):
        style, address = _STYLE.search(tag), _ADDRESS.search(tag)
        if style and address and style[1] in percent and _NOT_NUMBER.search(tag) is None:
            yield int(address[2]) - 1, _column_index(address[1])


def _column_index(letters: bytes) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index - 1


def _look_through_xlsb(archive: zipfile.ZipFile, names: set[str], settings: Settings) -> dict[str, Marks]:
    for name in sorted(names):
        if name.startswith("xl/") and name.endswith(".bin"):
            with archive.open(name) as stream:
                head = stream.read(_BYTES_PER_CHUNK)
            _read_through(archive, name)
            if name.startswith("xl/worksheets/") and 0 <= (start := head.find(b"\x94\x01\x10")) < 4096:
                bounds = [int.from_bytes(head[start + 3 + 4 * n : start + 7 + 4 * n], "little") for n in range(4)]
                if (cells := (bounds[1] + 1) * (bounds[3] - bounds[2] + 1)) > settings.max_cells:
                    raise too_many_cells(cells, settings.max_cells)
    return {}


def _look_through_ods(archive: zipfile.ZipFile, names: set[str], settings: Settings) -> dict[str, Marks]:
    if "META-INF/manifest.xml" in names and b"manifest:encryption-data" in archive.read("META-INF/manifest.xml"):
        raise locked()
    sheets = _OdsSheets(settings.max_cells)
    try:
        with archive.open("content.xml") as stream:
            while chunk := stream.read(_BYTES_PER_CHUNK):
                sheets.parser.Parse(chunk, False)
        sheets.parser.Parse(b"", True)
    except xml.parsers.expat.ExpatError as error:
        raise damaged(str(error)) from error
    return sheets.marks


class _OdsSheets:
    """Counts the cells of an OpenDocument, where one may stand for many, before they are expanded."""

    def __init__(self, max_cells: int) -> None:
        self.max_cells = max_cells
        self.marks: dict[str, Marks] = {}
        self.here = Marks()
        self.row = self.column = self.last_row = self.last_column = self.row_repeat = 0
        self.row_is_filled = False
        self.parser = xml.parsers.expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.EntityDeclHandler = self.refuse_entity

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table:table":
            self.row = self.column = self.last_row = self.last_column = 0
            self.here = self.marks.setdefault(attributes.get("table:name", ""), Marks())
        elif name == "table:table-row":
            self.column, self.row_is_filled = 0, False
            self.row_repeat = int(attributes.get("table:number-rows-repeated", "1"))
        elif name in ("table:table-cell", "table:covered-table-cell"):
            first = self.column
            self.column += int(attributes.get("table:number-columns-repeated", "1"))
            if kind := attributes.get("office:value-type"):
                self.row_is_filled, self.last_column = True, max(self.last_column, self.column)
                if kind == "percentage" and self.row_repeat == 1:
                    self.here.percent.extend(
                        (self.row, column) for column in range(first, min(self.column, first + 64))
                    )

    def end(self, name: str) -> None:
        if name == "table:table-row":
            self.row += self.row_repeat
            self.last_row = self.row if self.row_is_filled else self.last_row
            if (cells := self.last_row * self.last_column) > self.max_cells:
                raise too_many_cells(cells, self.max_cells)

    def refuse_entity(self, *_arguments: object) -> None:
        raise damaged("có khai báo thực thể XML", "it declares an XML entity")
