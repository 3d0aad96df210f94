"""The tables of an HTML page, as programs save them under the name of a workbook."""

import re
from html.parser import HTMLParser

from ingestion.reading.grid import Grid
from ingestion.reading.sheet import Sheet
from ingestion.reading.unreadable import UnreadableFileError, damaged, too_many_sheets
from ingestion.settings import Settings

_DEEPEST = 32  # tables in tables
_WIDEST, _TALLEST = 1_000, 65_534  # spans, as HTML itself limits them
_UNSEEN = frozenset({"head", "script", "style", "template"})
_BREAKS = frozenset({"br", "p", "div", "li"})
_SPACE = re.compile(r"[ \t\r\n\f]+")
_NUMBER = re.compile(r"[-+()\d\s.,\u00a0]+")


def read_html(text: str, settings: Settings) -> list[Sheet]:
    """Each table as a sheet; one that stands in a cell of another is a sheet of its own. Raises UnreadableFileError."""
    page = _Page(settings)
    page.feed(text)
    page.close()
    while page.tables:
        page.end_table()
    found = [table.sheet() for table in page.found if table.rows]
    if not found:
        raise UnreadableFileError("trang HTML không có bảng nào", "the HTML page has no table")
    return found


class _Table(Grid):
    """A table that is being read: where the next cell goes, and the columns that cells from above still hold."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("", settings)
        self.row, self.column = -1, 0
        self.held: dict[int, int] = {}
        self.text: list[str] | None = None
        self.number: str | None = None
        self.span = 1, 1

    def begin_row(self) -> None:
        self.end_cell()
        self.row, self.column = self.row + 1, 0
        self.held = {column: rows - 1 for column, rows in self.held.items() if rows > 1}

    def begin_cell(self, attributes: dict[str, str | None]) -> None:
        self.end_cell()
        if self.row < 0:
            self.begin_row()
        while self.column in self.held:
            self.column += 1
        self.span = _span(attributes.get("rowspan"), _TALLEST), _span(attributes.get("colspan"), _WIDEST)
        self.text, self.number = [], attributes.get("x:num")

    def end_cell(self) -> None:
        if self.text is None:
            return
        rows, columns = self.span
        self.put(self.row, self.column, self._value("".join(self.text)), rows=rows, columns=columns)
        for column in range(self.column, self.column + columns):
            if rows > 1:
                self.held[column] = rows
        self.column += columns
        self.text = None

    def _value(self, text: str) -> str | float:
        lines = [_SPACE.sub(" ", line).strip() for line in text.split("\v")]
        shown = "\n".join(line for line in lines if line)
        if self.number and _NUMBER.fullmatch(shown):
            try:
                return float(self.number)  # what Excel shows rounded, or with the marks of a country
            except ValueError:
                return shown
        return shown


def _span(value: str | None, limit: int) -> int:
    return min(max(int(value), 1), limit) if value and value.strip().isdecimal() and len(value) < 10 else 1


class _Page(HTMLParser):
    def __init__(self, settings: Settings) -> None:
        super().__init__(convert_charrefs=True)
        self.settings = settings
        self.tables: list[_Table] = []
        self.found: list[_Table] = []
        self.unseen = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.unseen:
            return
        if tag in _UNSEEN:
            self.unseen = tag
        elif tag == "table":
            self._begin_table()
        elif self.tables:
            table = self.tables[-1]
            if tag == "tr":
                table.begin_row()
            elif tag in ("td", "th"):
                table.begin_cell(dict(attrs))
            elif tag in _BREAKS and table.text is not None:
                table.text.append("\v")  # no letter of a page

    def handle_endtag(self, tag: str) -> None:
        if self.unseen:
            self.unseen = "" if tag == self.unseen else self.unseen
        elif self.tables:
            if tag == "table":
                self.end_table()
            elif tag in ("td", "th", "tr"):
                self.tables[-1].end_cell()

    def handle_data(self, data: str) -> None:
        if self.tables and not self.unseen and (text := self.tables[-1].text) is not None:
            text.append(data)

    def _begin_table(self) -> None:
        if len(self.tables) >= _DEEPEST:
            raise damaged("HTML lồng quá sâu", "HTML nested too deeply")
        table = _Table(self.settings)
        self.tables.append(table)
        self.found.append(table)
        if len(self.found) > self.settings.max_sheets:
            raise too_many_sheets(len(self.found), self.settings.max_sheets)

    def end_table(self) -> None:
        """The innermost table ends."""
        self.tables.pop().end_cell()
