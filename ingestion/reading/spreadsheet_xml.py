"""Workbooks saved as "XML Spreadsheet 2003", which older programs export, mostly under the name .xls."""

import xml.parsers.expat
from datetime import datetime
from typing import Any

from ingestion.reading.grid import Grid
from ingestion.reading.sheet import Broken, Sheet
from ingestion.reading.unreadable import damaged, too_many_sheets
from ingestion.settings import Settings

NAMESPACE = "urn:schemas-microsoft-com:office:spreadsheet"
_BYTES_PER_CHUNK = 1 << 20


def read_spreadsheet_xml(text: str, settings: Settings) -> list[Sheet]:
    """The sheets of such a workbook. Raises UnreadableFileError."""
    workbook = _Workbook(settings)
    content = text.lstrip("\ufeff \t\r\n").encode()
    try:
        for start in range(0, len(content), _BYTES_PER_CHUNK):
            workbook.parser.Parse(content[start : start + _BYTES_PER_CHUNK], False)
        workbook.parser.Parse(b"", True)
    except (xml.parsers.expat.ExpatError, ValueError) as error:
        raise damaged(f"XML: {error}") from error
    return [grid.sheet() for grid in workbook.grids if grid.rows]


class _Workbook:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.grids: list[Grid] = []
        self.row = self.column = 0
        self.next_row = self.next_column = 0
        self.span = 1, 1
        self.kind = ""
        self.text: list[str] | None = None
        self.percent_styles: set[str] = set()
        self.style = self.cell_style = ""
        # The text is encoded anew, whatever its first line declares.
        self.parser = xml.parsers.expat.ParserCreate("utf-8", namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.data
        self.parser.StartDoctypeDeclHandler = self.refuse_declaration

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, tag = name.rpartition(" ")
        if space != NAMESPACE:
            return
        own = {key.removeprefix(f"{NAMESPACE} "): value for key, value in attributes.items()}
        if tag == "Worksheet":
            self.grids.append(Grid(own.get("Name", ""), self.settings))
            if len(self.grids) > self.settings.max_sheets:
                raise too_many_sheets(len(self.grids), self.settings.max_sheets)
            self.next_row = 0
        elif tag == "Row":
            self.row, self.next_column = self._index(own, self.next_row), 0
            self.next_row = self.row + 1
        elif tag == "Cell":
            self.column = self._index(own, self.next_column)
            self.span = int(own.get("MergeDown", "0")) + 1, int(own.get("MergeAcross", "0")) + 1
            self.next_column = self.column + self.span[1]
            self.cell_style = own.get("StyleID", "")
        elif tag == "Data":
            self.kind, self.text = own.get("Type", "String"), []
        elif tag == "Style":
            self.style = own.get("ID", "")
        elif tag == "NumberFormat" and ("%" in own.get("Format", "") or own.get("Format") == "Percent"):
            self.percent_styles.add(self.style)

    def _index(self, attributes: dict[str, str], following: int) -> int:
        """Where an element stands: it may skip some."""
        return max(int(attributes["Index"]) - 1, following) if "Index" in attributes else following

    def end(self, name: str) -> None:
        if name != f"{NAMESPACE} Data" or self.text is None or not self.grids:
            return
        text, self.text = "".join(self.text), None
        grid, (rows, columns) = self.grids[-1], self.span
        if self.kind == "Error":
            grid.broken.append(Broken(self.row, self.column, text))
        grid.put(self.row, self.column, self._value(text), rows=rows, columns=columns)

    def _value(self, text: str) -> Any:
        if self.kind == "Number":
            number = float(text)
            return float(f"{number * 100:.15g}") if self.cell_style in self.percent_styles else number
        if self.kind == "DateTime":
            return datetime.fromisoformat(text)
        if self.kind == "Boolean":
            return text.strip() == "1"
        return "" if self.kind == "Error" else text

    def data(self, text: str) -> None:
        if self.text is not None:
            self.text.append(text)

    def refuse_declaration(self, *_arguments: object) -> None:
        raise damaged("có khai báo thực thể XML", "it declares an XML entity")
