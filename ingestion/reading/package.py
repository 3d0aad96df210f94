"""The zipped parts of a workbook, looked through before it is expanded.

Wanted of them: that nothing expands beyond the limits, and what the native reader does not tell (`Marks`).
Nothing in a workbook is run or followed: of links to other files, embedded objects and macros only the values that the
sender's program left in the cells are read.
"""

import posixpath
import re
import xml.parsers.expat
import zipfile
from collections.abc import Iterator
from html import unescape

from ingestion.reading.binary_workbook import (
    PERCENT_FORMATS,
    look_through_xlsb_sheet,
    xlsb_percent_styles,
    xlsb_sheets,
)
from ingestion.reading.container import ZIP_ERRORS, open_zip
from ingestion.reading.marks import Marks
from ingestion.reading.sheet import Broken
from ingestion.reading.unreadable import damaged, locked, too_many_cells, too_many_merged, too_many_sheets, unsupported
from ingestion.settings import Settings

_BYTES_PER_CHUNK = 1 << 20
_BYTES_PER_TAG = 4 << 20  # longer is no tag that a program wrote
_BYTES_PER_HEAD = 1 << 16
_MOST_STYLES = 65_536  # of Excel itself


def look_through(content: bytes, settings: Settings) -> dict[str, Marks]:
    """Marks by sheet name of a zipped workbook. Raises UnreadableFileError for what is none, or breaks a limit."""
    try:
        with open_zip(content, settings) as archive:
            for entry in archive.infolist():  # some programs write paths as Windows does
                archive.NameToInfo[entry.filename.replace("\\", "/")] = entry
            names = set(archive.NameToInfo)
            _refuse_entities(archive)
            workbook = _workbook_part(archive, names)
            if workbook.endswith(".bin"):
                return _look_through_xlsb(archive, workbook, settings)
            if workbook:
                return _look_through_xlsx(archive, workbook, settings)
            if "content.xml" in names and "mimetype" in names and b"spreadsheet" in archive.read("mimetype"):
                return _look_through_ods(archive, names, settings)
            raise unsupported("Word" if any(name.startswith("word/") for name in names) else "ZIP")
    except ZIP_ERRORS as error:
        raise damaged(str(error)) from error


def _refuse_entities(archive: zipfile.ZipFile) -> None:
    """No workbook declares types or entities of XML, but those that make a small file large, or read another."""
    for entry in archive.infolist():
        if entry.filename.endswith((".xml", ".rels", ".vml")):
            with archive.open(entry) as stream:
                head = stream.read(_BYTES_PER_HEAD).replace(b"\0", b"")  # in UTF-16 as well
            if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                raise damaged("có khai báo thực thể XML", "it declares an XML entity")


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


def _workbook_part(archive: zipfile.ZipFile, names: set[str]) -> str:
    """The entry that lists the sheets: by the relationships, else where it mostly stands; "" if nowhere."""
    if "_rels/.rels" in names:
        for tag in _RELATIONSHIP.finditer(archive.read("_rels/.rels")):
            relationship = _attributes(tag[1])
            target = relationship.get("Target", "").lstrip("/")
            if relationship.get("Type", "").endswith("/officeDocument") and "workbook" in target and target in names:
                return target
    return next((name for name in ("xl/workbook.xml", "xl/workbook.bin") if name in names), "")


def _look_through_xlsx(archive: zipfile.ZipFile, workbook: str, settings: Settings) -> dict[str, Marks]:
    folder = posixpath.dirname(workbook)
    strings, styles = posixpath.join(folder, "sharedStrings.xml"), posixpath.join(folder, "styles.xml")
    if strings in archive.NameToInfo:
        _read_through(archive, strings)
    percent = _percent_styles(archive.read(styles)) if styles in archive.NameToInfo else frozenset()
    sheets = [
        (sheet.get("name", ""), next((value for key, value in sheet.items() if key.endswith(":id")), ""))
        for sheet in map(_attributes, _SHEET.findall(archive.read(workbook)))
    ]
    return {
        name: _look_through_sheet(archive, part, percent, settings)
        for name, part in _parts(archive, workbook, sheets, settings)
    }


def _percent_styles(styles: bytes) -> frozenset[bytes]:
    """Numbers of the cell styles that show a number as percent."""
    formats = {str(number).encode() for number in PERCENT_FORMATS}
    for tag in _NUMBER_FORMAT.finditer(styles):
        named = _attributes(tag[1])
        if "%" in named.get("formatCode", ""):
            formats.add(named.get("numFmtId", "").encode())
    found = set()
    cell_styles = _CELL_STYLES.search(styles)
    for index, style in enumerate(_STYLE_FORMAT.finditer(cell_styles[0]) if cell_styles else ()):
        if index == _MOST_STYLES:
            raise damaged(f"có hơn {_MOST_STYLES} kiểu ô", f"it has more than {_MOST_STYLES} cell styles")
        if style[1] in formats:
            found.add(str(index).encode())
    return frozenset(found)


def _read_through(archive: zipfile.ZipFile, name: str) -> None:
    """Fails where an entry is not as long as the archive's directory says: the limits above trusted it."""
    with archive.open(name) as stream:
        while stream.read(_BYTES_PER_CHUNK):
            pass


def _parts(
    archive: zipfile.ZipFile, workbook: str, sheets: list[tuple[str, str]], settings: Settings
) -> list[tuple[str, str]]:
    """(sheet name, name of the entry) of each worksheet; `sheets` are names with ids of relationships."""
    if len(sheets) > settings.max_sheets:
        raise too_many_sheets(len(sheets), settings.max_sheets)
    targets = {}
    folder, name = posixpath.split(workbook)
    for tag in _RELATIONSHIP.finditer(archive.read(posixpath.join(folder, "_rels", f"{name}.rels"))):
        relationship = _attributes(tag[1])
        if relationship.get("Type", "").endswith("/worksheet"):
            target = relationship.get("Target", "")
            targets[relationship.get("Id", "")] = posixpath.join("/", folder, target).lstrip("/")
    return [(name, targets[reference]) for name, reference in sheets if reference in targets]


def _attributes(tag: bytes) -> dict[str, str]:
    return {
        key.decode("utf-8", "replace"): unescape((double or single).decode("utf-8", "replace"))
        for key, double, single in _ATTRIBUTE.findall(tag)
    }


def _look_through_sheet(archive: zipfile.ZipFile, part: str, percent: frozenset[bytes], settings: Settings) -> Marks:
    marks = Marks()
    last_row, wide, dimension, prefix = 0, False, None, b"<"
    merged = 0
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
        merged += piece.count(b"mergeCell ")
        if merged > settings.max_merged:
            raise too_many_merged(merged, settings.max_merged)
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
            if cut == 1:  # no cell ends here: behind the cells
                cut = chunk.rfind(b">") + 1
            rest = chunk[cut:]
            if len(rest) > _BYTES_PER_TAG:
                raise damaged("XML của trang tính không có cấu trúc", "the XML of a sheet has no structure")
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


def _look_through_xlsb(archive: zipfile.ZipFile, workbook: str, settings: Settings) -> dict[str, Marks]:
    folder = posixpath.dirname(workbook)
    strings, styles = posixpath.join(folder, "sharedStrings.bin"), posixpath.join(folder, "styles.bin")
    if strings in archive.NameToInfo:
        _read_through(archive, strings)
    percent = xlsb_percent_styles(archive.read(styles)) if styles in archive.NameToInfo else frozenset()
    sheets = xlsb_sheets(archive.read(workbook))
    return {
        name: look_through_xlsb_sheet(archive.read(part), percent, settings)
        for name, part in _parts(archive, workbook, sheets, settings)
    }


def _look_through_ods(archive: zipfile.ZipFile, names: set[str], settings: Settings) -> dict[str, Marks]:
    if "META-INF/manifest.xml" in names and b"manifest:encryption-data" in archive.read("META-INF/manifest.xml"):
        raise locked()
    sheets = _OdsSheets(settings)
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

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.marks: dict[str, Marks] = {}
        self.here = Marks()
        self.sheet_count = 0
        self.row = self.column = self.last_row = self.last_column = self.row_repeat = 0
        self.row_is_filled = False
        self.error: list[str] | None = None
        self.parser = xml.parsers.expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.data
        self.parser.StartDoctypeDeclHandler = self.refuse_declaration

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table:table":
            self.row = self.column = self.last_row = self.last_column = 0
            self.here = self.marks.setdefault(attributes.get("table:name", ""), Marks())
            self.sheet_count += 1
            if self.sheet_count > self.settings.max_sheets:
                raise too_many_sheets(self.sheet_count, self.settings.max_sheets)
        elif name == "table:table-row":
            self.column, self.row_is_filled = 0, False
            self.row_repeat = int(attributes.get("table:number-rows-repeated", "1"))
        elif name in ("table:table-cell", "table:covered-table-cell"):
            first = self.column
            self.column += int(attributes.get("table:number-columns-repeated", "1"))
            self.merge(first, attributes)
            if kind := attributes.get("office:value-type"):
                self.row_is_filled, self.last_column = True, max(self.last_column, self.column)
                if attributes.get("calcext:value-type") == "error":
                    self.error = []
                if kind == "percentage" and self.row_repeat == 1:
                    self.here.percent.extend(
                        (self.row, column) for column in range(first, min(self.column, first + 64))
                    )

    def data(self, text: str) -> None:
        if self.error is not None:
            self.error.append(text)

    def end(self, name: str) -> None:
        if name == "table:table-cell" and self.error is not None:
            self.here.broken.append(Broken(self.row, self.column - 1, "".join(self.error)))
            self.error = None
        elif name == "table:table-row":
            self.row += self.row_repeat
            self.last_row = self.row if self.row_is_filled else self.last_row
            if (cells := self.last_row * self.last_column) > self.settings.max_cells:
                raise too_many_cells(cells, self.settings.max_cells)

    def merge(self, column: int, attributes: dict[str, str]) -> None:
        columns = int(attributes.get("table:number-columns-spanned", "1"))
        rows = int(attributes.get("table:number-rows-spanned", "1"))
        if columns > 1 or rows > 1:
            self.here.merged.append(((self.row, column), (self.row + rows - 1, column + columns - 1)))
            if len(self.here.merged) > self.settings.max_merged:
                raise too_many_merged(len(self.here.merged), self.settings.max_merged)

    def refuse_declaration(self, *_arguments: object) -> None:
        raise damaged("có khai báo thực thể XML", "it declares an XML entity")
