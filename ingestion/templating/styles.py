"""The formats of a template's cells."""

from functools import cache
from typing import Any

from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook

from ingestion.contract import Column

_FONT = {"font_name": "Times New Roman", "font_size": 12}
_BOX = {"border": 1, "valign": "vcenter"}
_HEADING = {"bold": True, "align": "center", "text_wrap": True, **_BOX}
_NUMBERS = {"integer": "#,##0", "amount": "#,##0", "decimal": "General"}
_LIKE_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Styles:
    """Formats of one workbook, each made once."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self._make = cache(self._made)

    def _made(self, properties: tuple[tuple[str, Any], ...]) -> Format:
        return self.book.add_format(_FONT | dict(properties))

    def plain(self, **properties: Any) -> Format:
        """A format of the template's font."""
        return self._make(tuple(sorted(properties.items())))

    def heading(self, *, required: bool = False) -> Format:
        """A heading; darker where each row must fill the column."""
        return self.plain(**_HEADING, bg_color="#BDD7EE" if required else "#DDEBF7")

    def number_row(self) -> Format:
        """The row of column numbers."""
        return self.plain(italic=True, align="center", **_BOX)

    def figure(self, *, bold: bool = False) -> Format:
        """A count of an official form."""
        return self.plain(**_BOX, num_format="#,##0", bold=bold)

    def rate(self, *, bold: bool = False) -> Format:
        """A rate of an official form, in percent."""
        return self.plain(**_BOX, num_format="0.00", bold=bold)

    def cell(self, column: Column, value: Any = None, *, example: bool = False, **more: Any) -> Format:
        """A cell of a column: identifiers and codes are text, so that leading zeros stay.

        Text that a spreadsheet could take for a formula gets its mark of text, which is no part of the value.
        """
        properties: dict[str, Any] = {**_BOX, "num_format": number_format(column), **more}
        if column.type in ("text", "code_list"):
            properties["text_wrap"] = True
        if isinstance(value, str) and value.startswith(_LIKE_A_FORMULA):
            properties["quote_prefix"] = True
        if example:
            properties |= {"italic": True, "font_color": "#7F7F7F", "bg_color": "#F2F2F2"}
        return self.plain(**properties)


def number_format(column: Column) -> str:
    """How a column's cells are shown; '@' for text. A date that may be a bare year is text: 1985 is no day of 1905."""
    if column.type == "date" and not column.partial_date:
        return "dd/mm/yyyy"
    return _NUMBERS.get(column.type, "@")
