"""What a cell of a template takes: drop-downs of the code lists, ranges of numbers and dates, and what to say else."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from ingestion.contract import Column

LISTS_SHEET = "Danh mục"
_TITLE, _MESSAGE = 32, 255  # Excel's most letters
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2099, 12, 31)


class Choices:
    """The hidden sheet of the lists from which cells are chosen. A long list cannot stand in the validation itself."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._sheet: Worksheet | None = None
        self._ranges: dict[tuple[str, ...], str] = {}

    def source(self, heading: str, values: Sequence[str]) -> str:
        """The address of these values on the sheet of lists, written once."""
        key = tuple(values)
        if key not in self._ranges:
            if self._sheet is None:
                self._sheet = self._book.add_worksheet(LISTS_SHEET)
                self._sheet.very_hidden()
            index = len(self._ranges)
            self._sheet.write_string(0, index, heading)
            for row, value in enumerate(key, start=1):
                self._sheet.write_string(row, index, value)
            letter = xl_col_to_name(index)
            self._ranges[key] = f"='{LISTS_SHEET}'!${letter}$2:${letter}${len(key) + 1}"
        return self._ranges[key]

    def validate(
        self, sheet: Worksheet, area: tuple[int, int, int, int], column: Column, values: Sequence[str]
    ) -> None:
        """Let the cells of an area take only what the column takes; `values` are the choices of a column that has any.

        Texts are not judged here: an identifier is best checked by the rules, with the whole list at hand.
        """
        rule = self._rule(column, values)
        if rule is not None:
            vietnamese = column.expected[0]
            sheet.data_validation(
                *area,
                rule
                | {
                    "ignore_blank": True,
                    "input_title": _cut(column.heading, _TITLE),
                    "input_message": _cut(f"Cần ghi {vietnamese}.", _MESSAGE),
                    "error_title": "Giá trị không hợp lệ",
                    "error_message": _cut(f"Ô này cần ghi {vietnamese}.", _MESSAGE),
                },
            )

    def _rule(self, column: Column, values: Sequence[str]) -> dict[str, Any] | None:
        if column.type == "flag":
            return {"validate": "list", "source": ["x"]}
        if values and column.type != "code_list":  # of a list several may be chosen
            return {"validate": "list", "source": self.source(column.heading, values)}
        if column.type in ("integer", "amount", "decimal"):
            kind = "decimal" if column.type == "decimal" else "integer"
            low, high = column.minimum, column.maximum
            if low is not None and high is not None:
                return {"validate": kind, "criteria": "between", "minimum": float(low), "maximum": float(high)}
            if high is not None:
                return {"validate": kind, "criteria": "<=", "value": float(high)}
            return {"validate": kind, "criteria": ">=", "value": float(low if low is not None else -(10**15))}
        if column.type == "date" and not column.partial_date:
            return {"validate": "date", "criteria": "between", "minimum": _FIRST_DAY, "maximum": _LAST_DAY}
        return None


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
