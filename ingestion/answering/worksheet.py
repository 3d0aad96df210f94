"""One worksheet of the sender's own: its wrong cells marked, byte for byte as sent but for their style.

Nothing else is touched: values, formulas and their last results, rows, widths and drawings stay as they are.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from ingestion.answering.styles import MAIN, STRICT, Styles
from ingestion.answering.xml_part import Edits, NotEditableError, attribute, new_parser, tag_end
from ingestion.finding import Severity

Place = tuple[int, int]
"""Row and column of a cell, both from 1."""

RELATIONSHIPS = {
    MAIN: "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    STRICT: "http://purl.oclc.org/ooxml/officeDocument/relationships",
}
CHILDREN = (
    "sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "sheetCalcPr", "sheetProtection",
    "protectedRanges", "scenarios", "autoFilter", "sortState", "dataConsolidate", "customSheetViews", "mergeCells",
    "phoneticPr", "conditionalFormatting", "dataValidations", "hyperlinks", "printOptions", "pageMargins", "pageSetup",
    "headerFooter", "rowBreaks", "colBreaks", "customProperties", "cellWatches", "ignoredErrors", "smartTags",
    "drawing", "legacyDrawing", "legacyDrawingHF", "drawingHF", "picture", "oleObjects", "controls", "webPublishItems",
    "tableParts", "extLst",
)  # fmt: skip
"""The children of a worksheet in the order of ECMA-376."""
_BEFORE_NOTES = frozenset(CHILDREN[: CHILDREN.index("legacyDrawing")])

_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref\s*=\s*[\"']([^\"']+)[\"']")
_VIEW = re.compile(rb"<(?:\w+:)?sheetView\s")
_COLUMN_PIXELS = 64
_ROW_PIXELS = 20


def column_number(letters: str) -> int:
    """1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """A for 1, AA for 27."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def place_of(address: str) -> Place:
    """Row and column of an A1 address. ValueError if it is none."""
    letters = address.rstrip("0123456789")
    row = address[len(letters) :]
    if not row or not letters or not letters.isascii() or not letters.isalpha() or not letters.isupper():
        raise ValueError(f"{address!r} is no address of a cell")
    return int(row), column_number(letters)


def address_of(place: Place) -> str:
    """A1 address of a row and column."""
    return f"{column_letters(place[1])}{place[0]}"


@dataclass(slots=True)
class _Row:
    number: int
    start: int
    style: int | None
    inner_end: int = 0
    cells: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Column to the first byte of the cell and its style."""


@dataclass(slots=True)
class _Span:
    first: int
    last: int
    pixels: int
    style: int


class Worksheet:
    """A worksheet, read once. `rows` are the numbers of the rows that will be marked; `old_marks` the styles by which
    an earlier answer has marked cells, which are looked for in all rows.

    NotEditableError if it is no worksheet, or if one of the rows stands in it twice.
    """

    def __init__(self, content: bytes, rows: frozenset[int], old_marks: frozenset[int]) -> None:
        self.content = content
        self._wanted = rows
        self._old_marks = old_marks
        self._depth = 0
        self._in_data = False
        self._child = ""
        self._child_is_empty = False
        self._here: _Row | None = None
        self._last_row = self._last_column = 0
        self._row_numbers: list[int] = []
        self._row_starts: list[int] = []
        self._rows: dict[int, _Row] = {}
        self._heights: dict[int, int] = {}
        self._default = _COLUMN_PIXELS, _ROW_PIXELS
        self._spans: list[_Span] = []
        self._data_end = self._data_start = -1
        self._notes_at = -1
        self._views: list[int] = []
        self.notes_id: str | None = None
        self.marked_before: list[Place] = []
        self._parse()
        self.edits = Edits(content)

    # --- reading ---

    def _parse(self) -> None:
        parser = self._parser = new_parser()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        try:
            parser.Parse(self.content, True)
        except expat.ExpatError as error:
            raise NotEditableError(f"a sheet is not well-formed: {error}") from error
        if self._data_start < 0:
            raise NotEditableError("a sheet has no sheetData")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth = self._depth
        self._depth = depth + 1
        if depth > 3:
            return
        if self._in_data:
            if depth == 3:
                if self._here is not None:
                    self._cell(attributes)
            elif depth == 2:
                self._row(attributes)
        elif depth == 1:
            self._child = name.rpartition(":")[2]
            end = tag_end(self.content, self._parser.CurrentByteIndex)
            self._child_is_empty = self.content[end - 2 : end] == b"/>"
            if self._child == "sheetData":
                self._in_data, self._data_start = True, self._parser.CurrentByteIndex
            elif self._child == "legacyDrawing":
                self.notes_id = next((value for key, value in attributes.items() if key.endswith(":id")), None)
            elif self._child == "sheetFormatPr":
                width, height = attributes.get("defaultColWidth"), attributes.get("defaultRowHeight")
                self._default = (
                    _COLUMN_PIXELS if width is None else _width_pixels(float(width)),
                    _ROW_PIXELS if height is None else round(float(height) * 4 / 3),
                )
        elif depth == 2:
            self._grandchild(attributes)
        elif depth == 0:
            self._root(name, attributes)

    def _root(self, name: str, attributes: Mapping[str, str]) -> None:
        prefix, _, local = name.rpartition(":")
        self.prefix = prefix and f"{prefix}:"
        self.namespace = attributes.get(f"xmlns:{prefix}" if prefix else "xmlns", "")
        if local != "worksheet" or self.namespace not in RELATIONSHIPS:
            raise NotEditableError("a sheet is no worksheet")
        self._notes_at = tag_end(self.content, self._parser.CurrentByteIndex)

    def _grandchild(self, attributes: Mapping[str, str]) -> None:
        if self._child == "cols":
            width = attributes.get("width")
            pixels = self._default[0] if width is None else _width_pixels(float(width))
            if attributes.get("hidden") in ("1", "true"):
                pixels = 0
            self._spans.append(
                _Span(int(attributes["min"]), int(attributes["max"]), pixels, int(attributes.get("style", "0")))
            )
        elif self._child == "sheetViews" and attributes.get("tabSelected") in ("1", "true"):
            self._views.append(self._parser.CurrentByteIndex)

    def _row(self, attributes: Mapping[str, str]) -> None:
        written = attributes.get("r")
        number = self._last_row + 1 if written is None else int(written)
        self._last_row, self._last_column = number, 0
        self._row_numbers.append(number)
        self._row_starts.append(self._parser.CurrentByteIndex)
        if attributes.get("hidden") in ("1", "true"):
            self._heights[number] = 0
        elif (height := attributes.get("ht")) is not None:
            self._heights[number] = round(float(height) * 4 / 3)
        if self._old_marks or number in self._wanted:
            style = attributes.get("s") if attributes.get("customFormat") in ("1", "true") else None
            self._here = _Row(number, self._parser.CurrentByteIndex, None if style is None else int(style))
            if number in self._wanted:
                if number in self._rows:
                    raise NotEditableError("a row stands twice in a sheet")
                self._rows[number] = self._here
        else:
            self._here = None

    def _cell(self, attributes: Mapping[str, str]) -> None:
        row = self._here
        if row is None:
            return
        written = attributes.get("r")
        column = self._last_column + 1 if written is None else column_number(written.rstrip("0123456789"))
        self._last_column = column
        style = int(attributes.get("s", "0"))
        row.cells.setdefault(column, (self._parser.CurrentByteIndex, style))
        if style in self._old_marks:
            self.marked_before.append((row.number, column))
            self._rows.setdefault(row.number, row)

    def _end(self, _: str) -> None:
        depth = self._depth = self._depth - 1
        if depth > 2:
            return
        if depth == 2:
            if self._in_data and self._here is not None:
                self._here.inner_end = self._parser.CurrentByteIndex
        elif depth == 1:
            position = self._parser.CurrentByteIndex
            if self._in_data:
                self._in_data, self._data_end = False, position
            if self._child in _BEFORE_NOTES:
                self._notes_at = position if self._child_is_empty else self.content.index(b">", position) + 1

    # --- asking ---

    def width(self, column: int) -> int:
        """Pixels of a column."""
        return next((span.pixels for span in self._spans if span.first <= column <= span.last), self._default[0])

    def height(self, row: int) -> int:
        """Pixels of a row."""
        return self._heights.get(row, self._default[1])

    # --- changing ---

    def mark(self, marks: Mapping[Place, Severity], styles: Styles) -> None:
        """Give these cells the colour of their severity, and cells that an earlier answer marked their own again."""
        severities: dict[Place, Severity | None] = dict.fromkeys(self.marked_before)
        severities.update(marks)
        by_row: dict[int, dict[int, Severity | None]] = {}
        for place in sorted(severities):
            by_row.setdefault(place[0], {})[place[1]] = severities[place]
        new_rows: dict[int, bytes] = {}
        for number, columns in by_row.items():
            row = self._rows.get(number)
            new_cells: dict[int, bytes] = {}
            for column, severity in columns.items():
                if row is not None and column in row.cells:
                    start, style = row.cells[column]
                    self.edits.set(start, s=str(styles.marked(style, severity)))
                else:
                    style = styles.marked(self._style_of(row, column), severity)
                    new_cells[column] = (
                        f"<{self.prefix}c".encode()
                        + attribute("r", address_of((number, column)))
                        + attribute("s", str(style))
                        + b"/>"
                    )
            if row is None:
                cells = b"".join(new_cells.values())
                new_rows[number] = f'<{self.prefix}row r="{number}">'.encode() + cells + f"</{self.prefix}row>".encode()
            elif new_cells:
                self._insert_cells(row, new_cells)
        self._insert_rows(new_rows)

    def _style_of(self, row: _Row | None, column: int) -> int:
        """The style that a cell without one shows: its row's, else its column's."""
        if row is not None and row.style is not None:
            return row.style
        return next((span.style for span in self._spans if span.first <= column <= span.last), 0)

    def _insert_cells(self, row: _Row, cells: Mapping[int, bytes]) -> None:
        tag = tag_end(self.content, row.start)
        self.edits.set(row.start, spans=None)
        if self.content[tag - 2 : tag] == b"/>":
            self.edits.replace(tag - 2, tag, b">" + b"".join(cells.values()) + f"</{self.prefix}row>".encode())
            return
        columns = sorted(row.cells)
        for column, xml in cells.items():
            behind = bisect_right(columns, column)
            at = row.cells[columns[behind]][0] if behind < len(columns) else row.inner_end
            self.edits.insert(at, xml)

    def _insert_rows(self, rows: Mapping[int, bytes]) -> None:
        if not rows:
            return
        end = tag_end(self.content, self._data_start)
        if self.content[end - 2 : end] == b"/>":
            self.edits.replace(end - 2, end, b">" + b"".join(rows.values()) + f"</{self.prefix}sheetData>".encode())
            return
        for number, xml in rows.items():
            behind = next((index for index, other in enumerate(self._row_numbers) if other > number), None)
            self.edits.insert(self._data_end if behind is None else self._row_starts[behind], xml)

    def unselect(self) -> None:
        """The sheet is not the one shown first."""
        for start in self._views:
            self.edits.set(start, tabSelected=None)

    def add_notes(self, relationship_id: str) -> None:
        """Refer to the drawing of the notes, in the place that the standard gives it."""
        namespace = RELATIONSHIPS[self.namespace]
        self.edits.insert(
            self._notes_at,
            f'<{self.prefix}legacyDrawing xmlns:r="{namespace}" r:id="{relationship_id}"/>'.encode(),
        )


def merged_anchors(content: bytes, places: Iterable[Place]) -> dict[Place, Place]:
    """Of these cells those that lie in a merged area, each with the area's first cell, which is the one that shows."""
    by_row: dict[int, list[Place]] = {}
    for place in places:
        by_row.setdefault(place[0], []).append(place)
    rows = sorted(by_row)
    anchors = {}
    for match in _MERGED.finditer(content, max(content.rfind(b"sheetData"), 0)):
        first, _, last = match[1].decode().replace("$", "").partition(":")
        (top, left), (bottom, right) = place_of(first), place_of(last or first)
        for row in rows[bisect_left(rows, top) : bisect_right(rows, bottom)]:
            anchors.update({place: (top, left) for place in by_row[row] if left <= place[1] <= right})
    return anchors


def unselected(content: bytes) -> bytes:
    """A sheet of any kind that is not marked, so that it is not shown first."""
    edits = Edits(content)
    for view in _VIEW.finditer(content, 0, max(content.find(b"sheetData"), 1 << 12)):
        if b"tabSelected" in content[view.start() : tag_end(content, view.start())]:
            edits.set(view.start(), tabSelected=None)
    return edits.apply()


def _width_pixels(characters: float) -> int:
    return int(characters * 7 + 5)
