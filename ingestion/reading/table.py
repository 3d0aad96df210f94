"""The data rows of one sheet as a typed table, with what could not be read and where each column stands."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from ingestion.contract import Column
from ingestion.place import AdminUnit, Area, names_of
from ingestion.reading.cells import DecimalSign, Reading, Unread, decimal_sign, has_no_fractions, read_column
from ingestion.reading.layout import Layout, Placed
from ingestion.reading.places import locate
from ingestion.reading.rates import WrongRate, wrong_rates
from ingestion.reading.rows import Rows
from ingestion.reading.sheet import Broken, Cells, Sheet
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
            if reading.unread and name in self._placed:
                records += self._unread_records(name, self._placed[name], reading.unread)
        for told in self._told_together:
            for placed, unread in told.unread:
                records += self._unread_records(told.name, placed, unread) if unread else []
        if self._communes is not None and self._communes.unresolved:
            records += self._unread_records(self._communes.code, self._name_of_place, self._communes.unresolved)
        return pl.DataFrame(records, schema=UNREAD_SCHEMA, orient="row").sort("row_number", maintain_order=True)

    def _unread_records(
        self, name: str, placed: Placed | None, unread: Mapping[int, Unread]
    ) -> list[tuple[str, int, str, str | None, str, str, str, str]]:
        """Records of `unread`; without a place in the sheet, what a section line above says could not be read."""
        indices = sorted(unread)
        numbers = self.row_numbers.gather(indices).to_list()
        if placed is not None:
            written = self._cells(placed).gather(pl.Series(indices)).written()
        elif self._section_names is not None:
            written = self._section_names.gather(indices)
        else:
            raise ValueError(f"nothing in the sheet says {name}")
        broken = self._broken.get(placed.index, {}) if placed else {}
        return [
            (
                self.sheet.name,
                number,
                name,
                self.sheet.address(number, placed.index) if placed else None,
                (broken[index].text if text is None and index in broken else text or ""),
                unread[index].rule,
                unread[index].expected_vi,
                unread[index].expected_en,
            )
            for index, number, text in zip(indices, numbers, written, strict=True)
        ]

    def positions(self) -> pl.DataFrame:
        """Where the columns stand, as `raw.column_position` keeps it; nothing for files without column letters."""
        places = {placed.column.name: placed.index for placed in self.layout.placed}
        for told in self._told_together:
            places.setdefault(told.name, told.first)
        records = [(self.sheet.name, name, self.sheet.letter(index)) for name, index in places.items()]
        return pl.DataFrame(records if self.sheet.has_letters else [], schema=POSITION_SCHEMA, orient="row")

    def missing(self) -> list[Column]:
        """The columns that the sheet must have and has not; the commune may be told by lines above its rows."""
        told = self._section_names is not None
        return [column for column in self.layout.missing if not (told and column.place)]

    def nameless(self) -> list[int]:
        """Columns without a heading that hold something in data rows."""
        return [
            index for index in self.layout.nameless if self.sheet.columns[index].gather(self.kinds.data).filled().any()
        ]

    def mismatches(self) -> list[Mismatch]:
        """Sums stated in the sheet that are not those of their rows; households and persons are added up apart."""
        kinds = self.kinds
        if not kinds.sums:
            return []
        summed = [placed for placed in self.layout.placed if is_summed(placed.column.type)]
        stated = {placed.column.name: self._in_sums(placed).to_list() for placed in summed}
        if not self.layout.names_places or not (counts := self._counts):
            return mismatches(kinds, stated, self._summed_values(summed, None), self._gaps(summed, None))
        found: list[Mismatch] = []
        of_rows, of_sums = (self._readings[counts.column.name].values, self._in_sums(counts))
        if of_rows.has_nulls():  # a row that may count either leaves both sums unknown
            return []
        for count in of_sums.unique(maintain_order=True):
            mine = [index for index, other in enumerate(of_sums) if other == count]
            # A sum that does not say what it counts may be of either, or of both.
            whole = pl.repeat(True, len(of_rows), dtype=pl.Boolean, eager=True)
            of_each = [of_rows.eq_missing(one) for one in of_rows.unique(maintain_order=True)]
            for sums in [mine] if count is not None else [[index] for index in mine]:
                said = {name: [values[index] for index in sums] for name, values in stated.items()}
                tried = [
                    mismatches(
                        Rows(kinds.data.filter(rows), [kinds.sums[index] for index in sums], kinds.sections),
                        said,
                        self._summed_values(summed, rows),
                        self._gaps(summed, rows),
                    )
                    for rows in ([of_rows.eq_missing(count)] if count is not None else [*of_each, whole])
                ]
                nearest = min(tried, key=len)
                found += nearest
        return sorted(found, key=lambda mismatch: mismatch.row)

    @property
    def _counts(self) -> Placed | None:
        """The column that tells what the figures of a row count, in forms of two rows to a place."""
        return next((p for p in self.layout.placed if p.column.key and p.column.type == "code"), None)

    def _in_sums(self, placed: Placed) -> pl.Series:
        """A column in the rows of sums, as it can be read there."""
        rows = pl.Series([sum_row.row for sum_row in self.kinds.sums], dtype=pl.UInt32)
        return self._read(placed, self.sheet.columns[placed.index].gather(rows)).values

    def _summed_values(self, summed: Iterable[Placed], rows: pl.Series | None) -> dict[str, pl.Series]:
        values = {placed.column.name: self._readings[placed.column.name].values for placed in summed}
        return values if rows is None else {name: series.filter(rows) for name, series in values.items()}

    def _gaps(self, summed: Iterable[Placed], rows: pl.Series | None) -> set[str]:
        return {
            placed.column.name
            for placed in summed
            if any(rows is None or rows[index] for index in self._readings[placed.column.name].unread)
        }

    def wrong_rates(self) -> list[WrongRate]:
        """Rates stated in the sheet that are not their part of the whole, in data rows and in sums."""
        found: list[WrongRate] = []
        rows = pl.concat([self.kinds.data, pl.Series([sum_row.row for sum_row in self.kinds.sums], dtype=pl.UInt32)])
        for rate in self.layout.rates:
            if not {rate.part, rate.whole} <= self._placed.keys():
                continue
            part, whole = (
                pl.concat([self._readings[name].values, self._in_sums(self._placed[name])])
                for name in (rate.part, rate.whole)
            )
            cells = self.sheet.columns[rate.index].gather(rows)
            found += wrong_rates(rate, rows.to_list(), cells.written().to_list(), part.to_list(), whole.to_list())
        return sorted(found, key=lambda wrong: (wrong.row, wrong.index))

    # --- reading ---

    @cached_property
    def _placed(self) -> dict[str, Placed]:
        return {placed.column.name: placed for placed in self.layout.placed}

    def _cells(self, placed: Placed) -> Cells:
        cells = self._spread(placed)
        rows = self.kinds.data
        if len(rows) < cells.height:
            if len(rows) and int(rows[-1]) - int(rows[0]) + 1 == len(rows):  # one block, as in most files
                cells = cells.slice(int(rows[0]), len(rows))
            else:
                cells = cells.gather(rows)
        if (over := self._placed.get(self.layout.form.carried_down.get(placed.column.name, ""))) is None:
            return cells
        return self._carried_down(cells, self._read(over, self._cells(over)).values)

    def _carried_down(self, cells: Cells, over: pl.Series) -> Cells:
        """The cells, with a value that is written once standing in each of its rows: those below it, without a line
        between them, that differ in `over`."""
        filled = cells.filled()
        if filled.all():
            return cells
        source = list(range(cells.height))
        rows, apart = self.kinds.data.to_list(), {*self.kinds.sections, *(sums.row for sums in self.kinds.sums)}
        given, seen = -1, set[Any]()
        for index, (is_given, value) in enumerate(zip(filled, over.to_list(), strict=True)):
            if is_given:
                given, seen = index, {value}
            elif value is None or value in seen or not apart.isdisjoint(range(rows[index - 1] + 1, rows[index])):
                given = -1
            if given >= 0:
                source[index] = given
                seen.add(value)
        return cells.gather(pl.Series(source))

    def _spread(self, placed: Placed) -> Cells:
        """The column, with a text or code that is merged downwards standing in each of its rows.

        So offices write a commune over its households. Not names of people, nor numbers: those count once; keys only
        where the form says that they are written once over several rows.
        """
        cells, column = self.sheet.columns[placed.index], placed.column
        index = placed.index + self.sheet.first_column
        spans = [(first, last) for (first, left), (last, right) in self.sheet.merged if left == right == index]
        once = column.key and column.name not in self.layout.form.carried_down
        if column.type not in ("text", "code") or once or column.personal or not spans:
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
    def _broken(self) -> dict[int, dict[int, Broken]]:
        """Cells without a value to be read in data rows: column index to index of the data row to cell."""
        if not self.sheet.broken:
            return {}
        position = {row: index for index, row in enumerate(self.kinds.data.to_list())}
        found: dict[int, dict[int, Broken]] = {}
        for cell in self.sheet.broken:
            if cell.row in position:
                found.setdefault(cell.column, {})[position[cell.row]] = cell
        return found

    @cached_property
    def _readings(self) -> dict[str, Reading]:
        """What the columns of the sheet hold, by name."""
        readings: dict[str, Reading] = {}
        for placed in self.layout.placed:
            readings[placed.column.name] = self._reading(placed)
        for told in self._told_together:
            readings[told.name] = Reading(told.values, precision=told.precision)
        return readings

    def _reading(self, placed: Placed) -> Reading:
        reading = self._read(placed, self._cells(placed))
        broken = {
            index: _GARBLED if cell.is_garbled else _NO_VALUE
            for index, cell in self._broken.get(placed.index, {}).items()
        }
        unread = {**reading.unread, **broken}
        values = reading.values
        if placed.column.type == "flag":
            values = values.fill_null(False)
            if unread:
                values = values.scatter(list(unread), None)
        reading = Reading(values, unread, reading.precision)
        if placed.column.place not in ("commune_code", "admin_unit_code"):
            return reading
        is_judged = "HR-01" in self.layout.contract.rules  # it knows codes of communes that are not the sender's
        return locate(reading, placed.column, self.area, self.districts, any_code=is_judged)

    @cached_property
    def _told_together(self) -> "list[_ToldTogether]":
        """The columns of the contract that several columns of the sheet tell together."""
        return [*self._added_up(), *self._told_by_column()]

    def _added_up(self) -> "list[_ToldTogether]":
        """The columns that others add up to. An empty one of them counts as nothing; where all are, so is the sum."""
        told = []
        for name, addends in self.layout.addends.items():
            readings = [(placed, self._reading(placed)) for placed in addends]
            parts = [reading.values for _, reading in readings]
            total = pl.select(
                pl.when(pl.any_horizontal([part.is_not_null() for part in parts])).then(
                    pl.sum_horizontal([part.fill_null(0) for part in parts])
                )
            ).to_series()
            unread = [(placed, reading.unread) for placed, reading in readings]
            gaps = {index for _, cells in unread for index in cells}
            known = pl.Series([index not in gaps for index in range(len(total))], dtype=pl.Boolean)
            values = pl.select(pl.when(known).then(total.cast(parts[0].dtype))).to_series()
            told.append(_ToldTogether(name, values, unread, addends[0].index))
        return told

    def _told_by_column(self) -> "list[_ToldTogether]":
        """A code that is told by which of several columns is filled, and the value that stands there.

        Each stays aside where the sheet has a column of its own for it.
        """
        declared = self.layout.form.code_by_column
        if declared is None or not self.layout.by_code:
            return []
        height = len(self.kinds.data)
        code_column, value_column = map(self.layout.contract.column, (declared.code, declared.value))
        columns = {
            code: Placed(value_column, index, self.sheet.letter(index)) for code, index in self.layout.by_code.items()
        }
        filled = {code: self._cells(placed).filled() for code, placed in columns.items()}
        count = pl.select(pl.sum_horizontal([series.cast(pl.Int32) for series in filled.values()])).to_series()
        codes = pl.repeat(None, height, dtype=pl.String, eager=True)
        values = pl.repeat(None, height, dtype=DTYPES[value_column.type], eager=True)
        precisions = pl.repeat(None, height, dtype=pl.String, eager=True) if value_column.partial_date else None
        both = dict.fromkeys((count > 1).arg_true(), _one_of_the_columns(code_column))
        unread: list[tuple[Placed, Mapping[int, Unread]]] = []
        for code, placed in columns.items():
            alone = filled[code] & (count == 1)
            reading = self._reading(placed)
            codes = pl.select(pl.when(alone).then(pl.lit(code)).otherwise(codes)).to_series()
            values = pl.select(pl.when(alone).then(reading.values).otherwise(values)).to_series()
            if reading.precision is not None:
                precisions = pl.select(pl.when(alone).then(reading.precision).otherwise(precisions)).to_series()
            unread.append((placed, {index: why for index, why in reading.unread.items() if index not in both}))
        first = min(columns.values(), key=lambda placed: placed.index)
        told = [
            _ToldTogether(declared.code, codes, [(first, both)], first.index),
            _ToldTogether(declared.value, values, unread, first.index, precisions),
        ]
        return [item for item in told if item.name not in self._placed]

    @cached_property
    def _values(self) -> dict[str, pl.Series]:
        """Values by column of the contract, read or derived."""
        values = {name: reading.values for name, reading in self._readings.items()}
        for name, reading in self._readings.items():
            if reading.precision is not None:
                values[f"{name}_precision"] = reading.precision
        if self._section_names is not None:
            values[next(c.name for c in self.layout.contract.columns if c.place == "commune_name")] = (
                self._section_names
            )
        if self._communes is not None:
            values[self._communes.code] = self._communes.values
        return values

    # --- communes ---

    @cached_property
    def _name_of_place(self) -> Placed | None:
        return next((placed for placed in self.layout.placed if placed.column.place == "commune_name"), None)

    @cached_property
    def _section_names(self) -> pl.Series | None:
        """The communes that lines above their rows name, by data row; None where columns tell them or no line does."""
        contract = self.layout.contract
        places = {column.name for column in contract.columns if column.place and not column.derived}
        if self.layout.form.id or not any(places >= set(group) for group in contract.one_of if set(group) & places):
            return None
        if places & self._placed.keys():
            return None
        lines = sorted([*self.kinds.sections, *(sums.row for sums in self.kinds.sums if sums.after)])
        named = {row: name for row in lines if (name := self._commune_of_line(row)) is not None}
        if not named:
            return None
        names: list[str | None] = []
        starts = list(named)
        for row in self.kinds.data:
            above = bisect_left(starts, row)
            names.append(named[starts[above - 1]] if above else None)
        return pl.Series(names, dtype=pl.String)

    def _commune_of_line(self, row: int) -> str | None:
        """The commune that a line between the rows is about; None for one about anything else, such as a village."""
        for cells in self.sheet.columns:
            text = cells.at(row)
            name = _SECTION_MARK.sub("", text or "").strip()
            name = re.sub(r"\s*(?::|\(|-\s*\d).*$", "", name)
            if name and (_COMMUNE_WORD.match(fold(name)) or self.area.by_name(name).candidates):
                return name
        return None

    @cached_property
    def _communes(self) -> "_Communes | None":
        """The codes of the communes: as sent, else from a code that begins with them, else from their names."""
        code = next((column.name for column in self.layout.contract.columns if column.place == "commune_code"), None)
        if code is None:
            return None
        height = len(self.kinds.data)
        if (whose := self._readings.get(self.layout.form.commune_from or "")) is not None:
            return _Communes(code, whose.values.str.extract(r"^([0-9]{5})-"), {})
        if self._section_names is not None:
            names = self._section_names
        elif self._name_of_place is not None:
            names = self._readings[self._name_of_place.column.name].values
        else:
            return None
        sent = self._readings.get(code) or Reading(pl.repeat(None, height, dtype=pl.String, eager=True))
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
class _ToldTogether:
    """A column of the contract that several columns of the sheet tell together, with the cells of each that could not
    be read and the index of the first."""

    name: str
    values: pl.Series
    unread: Sequence[tuple[Placed, Mapping[int, Unread]]]
    first: int
    precision: pl.Series | None = None


@dataclass(frozen=True, slots=True)
class _Communes:
    """Codes of the communes, for the column `code`; `unresolved` are names without one, by index."""

    code: str
    values: pl.Series
    unresolved: Mapping[int, Unread]


_OFFICE = re.compile(r"^(?:pgd|phòng giao dịch)(?:\s+nhcsxh)?[\s:.-]*")
_SECTION_MARK = re.compile(r"^(?:[IVXLCivxlc]+|[A-Ha-h]|[0-9]{1,2})(?:\s*[.):\-]\s*|$)")
_COMMUNE_WORD = re.compile(r"(?:xã|phường|thị trấn|đặc khu)\b")


def _one_of_the_columns(column: Column) -> Unread:
    labels = column.codes.labels.values() if column.codes else ()
    columns = ", ".join(f"“{label}”" for label in labels)
    return Unread(
        f"chỉ một trong các cột {columns} có ghi", f"only one of the columns {columns} filled", rule="unreadable_cell"
    )


_GARBLED = Unread(
    "chữ Unicode; ô gõ bằng phông chữ cũ (TCVN3 hoặc VNI) và không chuyển đổi được chính xác (gõ lại ô này)",
    "text in Unicode; the cell was typed in a legacy font (TCVN3 or VNI) and cannot be converted exactly",
)
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
