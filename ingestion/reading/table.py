"""The data rows of one sheet as a typed table, with what could not be read and where each column stands."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from ingestion.place import AdminUnit, Area, names_of
from ingestion.reading.cells import DecimalSign, Reading, Unread, decimal_sign, has_no_fractions, read_column
from ingestion.reading.layout import Layout, Placed
from ingestion.reading.rows import Rows
from ingestion.reading.sheet import Cells, Sheet
from ingestion.reading.totals import Mismatch, is_summed, mismatches
from ingestion.text import fold

UNREAD_SCHEMA = pl.Schema(
    {
        "sheet_name": pl.String(),
        "row_number": pl.Int32(),
        "column_name": pl.String(),
        "cell": pl.String(),
        "value": pl.String(),
        "rule": pl.String(),
        "expected_vi": pl.String(),
        "expected_en": pl.String(),
    }
)
POSITION_SCHEMA = pl.Schema({"sheet_name": pl.String(), "column_name": pl.String(), "column_letter": pl.String()})
DTYPES: Mapping[str, Any] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "decimal": pl.Decimal(38, 0),
    "amount": pl.Decimal(38, 0),
    "date": pl.Date(),
    "flag": pl.Boolean(),
    "code": pl.String(),
    "code_list": pl.List(pl.String()),
}


@dataclass(frozen=True)
class Table:
    """One sheet's data rows under its layout. `area` holds the communes in which names are looked up, `districts` the
    districts that a bank's office may be named after."""

    sheet: Sheet
    layout: Layout
    kinds: Rows
    area: Area
    districts: Area

    @cached_property
    def row_numbers(self) -> pl.Series:
        """The sender's numbers of the data rows."""
        return self.sheet.row_numbers.gather(self.kinds.data)

    def frame(self) -> pl.DataFrame:
        """The rows: sheet_name, row_number and the contract's columns, in its order."""
        height = len(self.kinds.data)
        columns = {
            "sheet_name": pl.repeat(self.sheet.name, height, dtype=pl.String, eager=True),
            "row_number": self.row_numbers.cast(pl.Int32),
        }
        for column in self.layout.contract.columns:
            values = self._values.get(column.name)
            columns[column.name] = (
                pl.repeat(None, height, dtype=DTYPES[column.type], eager=True) if values is None else values
            )
        return pl.DataFrame(columns)

    def unread(self) -> pl.DataFrame:
        """The cells that could not be read, by row and column, as `raw.unread_cell` keeps them."""
        records = []
        for name, reading in self._readings.items():
            if reading.unread:
                records += self._unread_records(name, self._placed[name], reading.unread)
        if self._communes is not None and self._communes.unresolved and self._name_of_place is not None:
            records += self._unread_records(self._communes.code, self._name_of_place, self._communes.unresolved)
        return pl.DataFrame(records, schema=UNREAD_SCHEMA, orient="row").sort("row_number", maintain_order=True)

    def _unread_records(
        self, name: str, placed: Placed, unread: Mapping[int, Unread]
    ) -> list[tuple[str, int, str, str | None, str, str, str, str]]:
        indices = sorted(unread)
        numbers = self.row_numbers.gather(indices).to_list()
        written = self._cells(placed).gather(pl.Series(indices)).written()
        broken = self._broken.get(placed.index, {})
        return [
            (
                self.sheet.name,
                number,
                name,
                self.sheet.address(number, placed.index),
                broken.get(index, "") if text is None else text,
                unread[index].rule,
                unread[index].expected_vi,
                unread[index].expected_en,
            )
            for index, number, text in zip(indices, numbers, written, strict=True)
        ]

    def positions(self) -> pl.DataFrame:
        """Where the columns stand, as `raw.column_position` keeps it; nothing for files without column letters."""
        records = [
            (self.sheet.name, placed.column.name, self.sheet.letter(placed.index))
            for placed in self.layout.placed
            if self.sheet.has_letters
        ]
        return pl.DataFrame(records, schema=POSITION_SCHEMA, orient="row")

    def nameless(self) -> list[int]:
        """Columns without a heading that hold something in data rows."""
        return [
            index for index in self.layout.nameless if self.sheet.columns[index].gather(self.kinds.data).filled().any()
        ]

    def mismatches(self) -> list[Mismatch]:
        """Sums stated in the sheet that are not those of their rows."""
        if not self.kinds.sums:
            return []
        summed = [placed for placed in self.layout.placed if is_summed(placed.column.type)]
        rows = pl.Series([sum_row.row for sum_row in self.kinds.sums], dtype=pl.UInt32)
        stated = {
            placed.column.name: self._read(placed, self.sheet.columns[placed.index].gather(rows)).values.to_list()
            for placed in summed
        }
        values = {placed.column.name: self._readings[placed.column.name].values for placed in summed}
        gaps = {placed.column.name for placed in summed if self._readings[placed.column.name].unread}
        return mismatches(self.kinds, stated, values, gaps)

    # --- reading ---

    @cached_property
    def _placed(self) -> dict[str, Placed]:
        return {placed.column.name: placed for placed in self.layout.placed}

    def _cells(self, placed: Placed) -> Cells:
        cells = self._spread(placed)
        rows = self.kinds.data
        if len(rows) == cells.height:
            return cells
        if len(rows) and int(rows[-1]) - int(rows[0]) + 1 == len(rows):  # one block, as in most files
            return cells.slice(int(rows[0]), len(rows))
        return cells.gather(rows)

    def _spread(self, placed: Placed) -> Cells:
        """The column, with a text or code that is merged downwards standing in each of its rows.

        So offices write a commune over its households. Not keys or names of people, nor numbers: those count once.
        """
        cells, column = self.sheet.columns[placed.index], placed.column
        index = placed.index + self.sheet.first_column
        spans = [(first, last) for (first, left), (last, right) in self.sheet.merged if left == right == index]
        if column.type not in ("text", "code") or column.key or column.personal or not spans:
            return cells
        source = list(range(cells.height))
        for first, last in spans:
            source[first : last + 1] = [first] * (min(last + 1, cells.height) - first)
        return cells.gather(pl.Series(source))

    @cached_property
    def _sheet_sign(self) -> DecimalSign | None:
        """The decimal sign that the sheet's columns of numbers agree on."""
        signs = {
            sign
            for placed in self.layout.placed
            if is_summed(placed.column.type)
            and (text := self.sheet.columns[placed.index].text) is not None
            and (
                sign := decimal_sign(
                    text.gather(self.kinds.data).drop_nulls(), whole=has_no_fractions(placed.column, placed.factor)
                )
            )
            is not None
        }
        return signs.pop() if len(signs) == 1 else None

    @cached_property
    def _vague_dates(self) -> set[str]:
        """Dates of which the contract keeps the precision: those may be a bare month or year."""
        return {column.derived_from[0] for column in self.layout.contract.columns if column.name.endswith("_precision")}

    def _read(self, placed: Placed, cells: Cells) -> Reading:
        column = placed.column
        return read_column(
            cells,
            column,
            factor=placed.factor,
            sheet_sign=self._sheet_sign if is_summed(column.type) and cells.text is not None else None,
            vague_dates=column.name in self._vague_dates,
        )

    @cached_property
    def _broken(self) -> dict[int, dict[int, str]]:
        """Errors and formulas without a value in data rows: column index to index of the data row to text."""
        if not self.sheet.broken:
            return {}
        position = {row: index for index, row in enumerate(self.kinds.data.to_list())}
        found: dict[int, dict[int, str]] = {}
        for cell in self.sheet.broken:
            if cell.row in position:
                found.setdefault(cell.column, {})[position[cell.row]] = cell.text
        return found

    @cached_property
    def _readings(self) -> dict[str, Reading]:
        """What the columns of the sheet hold, by name."""
        readings: dict[str, Reading] = {}
        for placed in self.layout.placed:
            reading = self._read(placed, self._cells(placed))
            unread = {**reading.unread, **dict.fromkeys(self._broken.get(placed.index, ()), _NO_VALUE)}
            values = reading.values
            if placed.column.type == "flag":
                values = values.fill_null(False)
                if unread:
                    values = values.scatter(list(unread), None)
            readings[placed.column.name] = Reading(values, unread, reading.precision)
        return readings

    @cached_property
    def _values(self) -> dict[str, pl.Series]:
        """Values by column of the contract, read or derived."""
        values = {name: reading.values for name, reading in self._readings.items()}
        for name, reading in self._readings.items():
            if reading.precision is not None:
                values[f"{name}_precision"] = reading.precision
        if self._communes is not None:
            values[self._communes.code] = self._communes.values
        return values

    # --- communes ---

    @cached_property
    def _name_of_place(self) -> Placed | None:
        return next((placed for placed in self.layout.placed if placed.column.place == "commune_name"), None)

    @cached_property
    def _communes(self) -> "_Communes | None":
        """The codes of the communes, from their names where no code is sent."""
        code = next((column.name for column in self.layout.contract.columns if column.place == "commune_code"), None)
        if code is None or self._name_of_place is None:
            return None
        names = self._readings[self._name_of_place.column.name].values
        sent = self._readings.get(code) or Reading(pl.repeat(None, len(names), dtype=pl.String, eager=True))
        open_rows = sent.values.is_null() & names.is_not_null()
        if sent.unread:
            open_rows = open_rows.scatter(list(sent.unread), False)
        if not open_rows.any():
            return _Communes(code, sent.values, {})
        matches = {name: self.area.by_name(name) for name in names.filter(open_rows).unique()}
        found = names.replace_strict(
            {name: match.unit.code for name, match in matches.items() if match.unit},
            default=None,
            return_dtype=pl.String,
        )
        values = pl.select(pl.when(open_rows).then(found).otherwise(sent.values)).to_series()
        unresolved: dict[int, Unread] = {}
        told_apart: dict[int, str] = {}
        for index in (open_rows & found.is_null()).arg_true():
            candidates = matches[names[index]].candidates
            if (unit := self._told_apart(candidates, index)) is None:
                unresolved[index] = _commune_expected(candidates)
            else:
                told_apart[index] = unit.code
        if told_apart:
            values = values.scatter(list(told_apart), pl.Series(list(told_apart.values())))
        return _Communes(code, values, unresolved)

    def _told_apart(self, candidates: Iterable[AdminUnit], index: int) -> AdminUnit | None:
        """The one of several communes of a name that the household's code begins with, or that lies in the district
        after which the bank's office is called."""
        units = {unit.code: unit for unit in candidates}
        if (unit := units.get((self._text("household_code", index) or "")[:5])) is not None:
            return unit
        if office := self._text("transaction_office", index):
            district = self.districts.by_name(_OFFICE.sub("", fold(office))).unit
            inside = [unit for unit in units.values() if district and unit.parent_code == district.code]
            if len(inside) == 1:
                return inside[0]
        return None

    def _text(self, name: str, index: int) -> str | None:
        reading = self._readings.get(name)
        return None if reading is None else reading.values[index]


@dataclass(frozen=True, slots=True)
class _Communes:
    """Codes of the communes, for the column `code`; `unresolved` are names without one, by index."""

    code: str
    values: pl.Series
    unresolved: Mapping[int, Unread]


_OFFICE = re.compile(r"^(?:pgd|phòng giao dịch)(?:\s+nhcsxh)?[\s:.-]*")
_NO_VALUE = Unread(
    "một giá trị; ô đang là lỗi hoặc công thức chưa được tính (mở tệp bằng Excel, sửa công thức rồi lưu lại)",
    "a value; the cell is an error or a formula that was never computed",
)


def _commune_expected(candidates: Iterable[AdminUnit]) -> Unread:
    if names := names_of(candidates):
        return Unread(
            f"mã xã, vì tên này có thể là {names}",
            f"the commune code, for the name may be {names}",
            rule="unknown_code",
        )
    return Unread(
        "tên xã, phường, thị trấn của địa bàn báo cáo vào ngày cuối kỳ",
        "a commune of the reporting area on the last day of the period",
        rule="unknown_code",
    )
