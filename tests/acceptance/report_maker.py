"""Reports of a made-up province, written out in the many manners of real offices.

`Manner` says how an office writes, `lay_out` gives the sheet, `truth` what must be read from it, and `write_xlsx`,
`write_csv` and `write_json` the file. Of the code under test only the contracts' headings and codes are used.
"""

import csv
import io
import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import xlsxwriter
from province_maker import Row, reference

from ingestion.contract import Column, Contract, load_contracts
from ingestion.period import Period

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI")
DEPRIVED = "Mức độ thiếu hụt các dịch vụ xã hội cơ bản"


# --- the manner of an office -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Manner:
    """How an office writes a report; the default is a bare table of natively typed cells.

    `headings` is one of label, synonym, capitals, decomposed, spaced, key; `depth` the number of heading rows;
    `numbers` native, plain, vi (1.250,5) or en (1,250.5), `dates` native, serial, iso, or a strftime format; `unit` is
    dong per unit of money, said in each heading or (`unit_line`) above the table. `places` says whether communes are
    given by code, name or both, `names` how a name is written. `origin` is the first cell, from 0.
    """

    seed: int = 0
    headings: str = "label"
    depth: int = 1
    merged: bool = True
    shuffled: bool = False
    numbered_deprivations: bool = False
    letterhead: bool = False
    titles: tuple[str, ...] = ()
    unit: int = 1
    unit_line: bool = False
    number_row: bool = False
    stt: bool = False
    surplus: bool = False
    sections: bool = False
    subtotals: bool = False
    total: str = ""
    footer: bool = False
    origin: tuple[int, int] = (0, 0)
    codes: str = "label"
    flag: Any = "x"
    no: Any = None
    dates: str = "native"
    numbers: str = "native"
    percent: bool = False
    lost_zeros: bool = False
    places: str = "both"
    names: str = "full"
    without: frozenset[str] = frozenset()


@dataclass
class Grid:
    """A sheet as it is written. `lines` are the numbers of the data rows as a sender sees them, in order of the rows;
    `letters` the letters of the contract's columns; `merges` areas (row, column, row, column) from 0."""

    rows: list[list[Any]] = field(default_factory=list)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    letters: dict[str, str] = field(default_factory=dict)
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Percent:
    """A number in a cell that shows percent."""

    value: Decimal


def truth(rows: Iterable[Row], manner: Manner) -> list[Row]:
    """What the reader must give for these rows in this manner: what was not written is null."""
    shown = []
    for row in map(dict, rows):
        if row.get("commune_name") is not None:
            row["commune_name"] = place_name(row["commune_name"], manner)
        for name in _left_out(row, manner) & row.keys():
            row[name] = None
            if name == "head_birth_date":
                row["head_birth_date_precision"] = None
        shown.append(row)
    return shown


def _left_out(row: Mapping[str, Any], manner: Manner) -> set[str]:
    # The code is found again from the name.
    by_code = manner.places == "code" and "commune_code" in row and "borrower_name" not in row
    return {*manner.without, *(("commune_name",) if by_code else ())} - {"commune_code"}


def place_name(name: str, manner: Manner) -> str:
    """The name of a commune as the office writes it."""
    match = re.match(r"(thị trấn|phường|xã)\s+(.*)", name, re.IGNORECASE)
    kind, proper = match.groups() if match else ("", name)
    match manner.names:
        case "bare":
            return name if proper.isdigit() else proper
        case "short":
            return f"{_SHORT_KINDS.get(kind.lower(), kind)} {proper}"
        case "upper":
            return name.upper()
        case "variant":
            varied = name.replace("Đắk", "Đăk").replace("'", "’").replace("Hòa", "Hoà").replace("Thủy", "Thuỷ")
            return varied.replace(" ", "  ", 1)
    return name


_SHORT_KINDS = {"thị trấn": "TT", "phường": "P.", "xã": "X."}


def _shown_columns(dataset: str, standard: str, rows: Sequence[Row], manner: Manner) -> list[Column]:
    left_out = set(manner.without)
    if manner.places == "code" and dataset in ("household_review", "commune_profile"):
        left_out.add("commune_name")
    if manner.places == "name" and dataset == "household_review":
        left_out.add("commune_code")
    return [
        column
        for column in load_contracts()[dataset].columns_for(standard)
        if not column.derived and column.name not in left_out
    ]


def _heading(column: Column, standard: str, manner: Manner, chance: random.Random, in_group: str = "") -> str:
    label = in_group or column.standard_headings.get(standard, column.heading)
    if manner.headings == "key":
        label = column.name
    if manner.headings == "synonym":
        label = chance.choice([label, *column.synonyms])
    if manner.headings == "capitals":
        label = label.upper()
    if manner.headings == "spaced":
        label = chance.choice((" ", "\n", "\xa0", "  ")).join(label.split(" ")) + chance.choice(("", " ", "\n"))
    if column.type == "amount" and not manner.unit_line and (manner.unit > 1 or manner.headings != "key"):
        unit = {1: ("đồng", "VNĐ"), 1_000: ("1.000 đồng", "nghìn đồng", "1000đ"), 1_000_000: ("triệu đồng",),
                1_000_000_000: ("tỷ đồng",)}[manner.unit]  # fmt: skip
        said = chance.choice(unit)
        label += f" ({said.upper() if manner.headings == 'capitals' else said})"
    return unicodedata.normalize("NFD", label) if manner.headings == "decomposed" else label


_GROUPS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "household_review": {
        "class_previous": ("Phân loại hộ", "Phân loại đầu năm"),
        "class_reported": ("Phân loại hộ", "Phân loại cuối năm"),
    },
    "credit_loan": {
        "outstanding_in_term": ("Dư nợ", "Trong hạn"),
        "overdue": ("Dư nợ", "Quá hạn"),
        "frozen": ("Dư nợ", "Khoanh"),
    },
    "commune_profile": {
        "villages_with_hardened_road": ("Trong đó", "Số thôn có đường trục được cứng hóa"),
        "villages_with_electricity": ("Trong đó", "Số thôn có điện"),
    },
    "support_delivery": {
        "decided_on": ("Thời gian", "Ngày quyết định"),
        "delivered_on": ("Thời gian", "Ngày hỗ trợ"),
    },
}


@dataclass(frozen=True)
class _Head:
    """The headings of a sheet: for each column its group ('' for none) and its own."""

    columns: list[Column | str]
    groups: list[str]
    labels: list[Any]


def _head(dataset: str, standard: str, rows: Sequence[Row], manner: Manner, chance: random.Random) -> _Head:
    def group(column: Column) -> str:
        if manner.depth == 1 and not (manner.numbered_deprivations and column.deprivation):
            return ""
        return DEPRIVED if column.deprivation else _GROUPS[dataset].get(column.name, ("", ""))[0]

    columns = _shown_columns(dataset, standard, rows, manner)
    blocks = [(name, list(block)) for name, block in groupby(columns, group)]
    if manner.shuffled:
        blocks = [(name, part) for name, block in blocks for part in ([block] if name else [[c] for c in block])]
        chance.shuffle(blocks)
    cells: list[tuple[Column | str, str, Any]] = []
    for name, block in blocks:
        for column in block:
            label: Any = _heading(column, standard, manner, chance)
            if name and column.deprivation and manner.numbered_deprivations:
                label = column.number_in(standard)
            elif name and not column.deprivation and manner.headings == "label":
                label = _heading(column, standard, manner, chance, _GROUPS[dataset][column.name][1])
            cells.append((column, name, label))
    if manner.surplus:
        cells.insert(chance.randrange(2, len(cells)), ("surplus", "", "Cán bộ phụ trách"))
        # Never inside a group.
        at = next(i for i, cell in enumerate(cells) if cell[0] == "surplus")
        if cells[at - 1][1] and at + 1 < len(cells) and cells[at - 1][1] == cells[at + 1][1]:
            cells.append(cells.pop(at))
    if manner.stt:
        cells.insert(0, ("stt", "", chance.choice(("STT", "TT", "Số TT"))))
    return _Head([cell[0] for cell in cells], [cell[1] for cell in cells], [cell[2] for cell in cells])


def lay_out(dataset: str, rows: Sequence[Row], manner: Manner, *, standard: str = "", title: str = "") -> Grid:
    """The sheet on which an office of this manner writes these rows. `title` names the period."""
    contract = load_contracts()[dataset]
    chance = random.Random(repr((dataset, manner.seed)))  # noqa: S311 - a layout
    head = _head(dataset, standard, rows, manner, chance)
    grid, left = Grid(), manner.origin[1]
    width = left + len(head.columns)

    def add(*cells: tuple[int, Any]) -> int:
        line: list[Any] = [None] * width
        for index, value in cells:
            line[left + index] = value
        grid.rows.append(line)
        return len(grid.rows) - 1

    for _ in range(manner.origin[0]):
        add()
    right = min(6, len(head.columns) - 1)
    if manner.letterhead:
        add((0, "ỦY BAN NHÂN DÂN"), (right, "CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM"))
        add((0, "HUYỆN …"), (right, "Độc lập - Tự do - Hạnh phúc"))
        add((0, "Số: 15/BC-UBND"))
        add()
    if title:
        add((min(2, right), contract.title_vi.upper()))
        add((min(2, right), title))
        add()
    if manner.unit_line:
        names = {1: "đồng", 1_000: "1.000 đồng", 1_000_000: "triệu đồng", 1_000_000_000: "tỷ đồng"}
        add((right, f"Đơn vị tính: {names[manner.unit]}"))
    _add_headings(grid, add, head, manner, left)
    if manner.number_row:
        add(*((index, "A" if index == 0 else f"({index})") for index in range(len(head.columns))))
    _add_rows(grid, add, head, rows, manner, contract)
    if manner.footer:
        add()
        add((1, "NGƯỜI LẬP BIỂU"), (right, "TM. ỦY BAN NHÂN DÂN"))
        add((1, "(Ký, ghi rõ họ tên)"), (right, "CHỦ TỊCH"))
        add()
        add((1, "Nông Thị Hoa"), (right, "Bế Văn Bình"))
    grid.letters = {
        column.name: _letter(left + index) for index, column in enumerate(head.columns) if isinstance(column, Column)
    }
    return grid


def _add_headings(grid: Grid, add: Callable[..., int], head: _Head, manner: Manner, left: int) -> None:
    depth = max(manner.depth, 2 if any(head.groups) else 1)
    first = len(grid.rows)
    levels: list[list[tuple[int, Any]]] = [[] for _ in range(depth)]
    starts = {index for index, name in enumerate(head.groups) if name and (not index or head.groups[index - 1] != name)}
    for index, (name, label) in enumerate(zip(head.groups, head.labels, strict=True)):
        if name:
            levels[-1].append((index, label))
            if index in starts:
                levels[-2].append((index, name))
                end = next((i for i in range(index, len(head.groups)) if head.groups[i] != name), len(head.groups)) - 1
                if end > index:
                    grid.merges.append((first + depth - 2, left + index, first + depth - 2, left + end))
        else:
            top = 1 if depth > 2 else 0
            levels[top].append((index, label))
            if depth - 1 > top:
                grid.merges.append((first + top, left + index, first + depth - 1, left + index))
    if depth > 2:
        half = len(head.labels) // 2
        while half < len(head.labels) - 1 and head.groups[half] and head.groups[half] == head.groups[half - 1]:
            half += 1
        levels[0] = [(0, "Thông tin chung"), (half, "Nội dung báo cáo")]
        grid.merges += [
            (first, left, first, left + half - 1),
            (first, left + half, first, left + len(head.labels) - 1),
        ]
    for level in levels:
        add(*level)
    if not manner.merged:
        del grid.merges[:]


_SUMMED = frozenset(
    column.name
    for contract in load_contracts().values()
    for column in contract.columns
    if column.type in ("integer", "amount") and column.name not in ("person_no", "term_months", "income_per_capita")
)


def _add_rows(
    grid: Grid, add: Callable[..., int], head: _Head, rows: Sequence[Row], manner: Manner, contract: Contract
) -> None:
    label_at = 1 if manner.stt else 0

    def sums(label: str, of: Sequence[Row]) -> None:
        figures = []
        for index, column in enumerate(head.columns):
            if isinstance(column, Column) and index > label_at and column.name in _SUMMED:
                total: Any = sum(row[column.name] or 0 for row in of)
                figures.append((index, _written(total, column, manner)))
        add((label_at, label), *figures)

    contract_columns = {column.name for column in contract.columns}
    if manner.total == "top":
        sums("TỔNG CỘNG", rows)
    by = "policy_code" if "policy_code" in contract_columns else "commune_name"
    grouped = [(_section(value, by), list(block)) for value, block in groupby(rows, lambda row: row[by])]
    for number, (name, block) in enumerate(grouped):
        roman = ROMAN[number % len(ROMAN)]
        if manner.sections:
            add(*([(0, roman)] if manner.stt else []), (label_at, name if manner.stt else f"{roman}. {name}"))
        for position, row in enumerate(block, start=1):
            cells = []
            for index, column in enumerate(head.columns):
                if isinstance(column, Column):
                    cells.append((index, _written(row[column.name], column, manner, row)))
                else:
                    cells.append((index, position if column == "stt" else "Nông Văn A"))
            grid.lines.append(add(*cells) + 1)
        if manner.subtotals:
            sums(f"Cộng {name}", block)
    if manner.total == "bottom":
        sums("Tổng cộng", rows)


def _section(value: str, by: str) -> str:
    if by == "commune_name":
        return value
    return next(policy["name_vi"] for policy in reference("support_policy") if policy["code"] == value)


def _written(value: Any, column: Column, manner: Manner, row: Mapping[str, Any] | None = None) -> Any:
    """A value as the office writes it into a cell."""
    if column.type == "flag":
        return manner.flag if value else manner.no
    if value is None:
        return None
    match column.type:
        case "text":
            if column.place == "commune_name":
                return place_name(value, manner)
            zeroless = value.lstrip("0") if value.isdigit() else ""
            if manner.lost_zeros and zeroless and not column.key:
                return int(zeroless) if manner.numbers == "native" else zeroless
            if manner.lost_zeros and column.place == "commune_code":
                return int(zeroless) if manner.numbers == "native" else zeroless
            return value
        case "code":
            return _written_code(value, column, manner)
        case "code_list":
            return "; ".join(str(_written_code(code, column, manner)) for code in value)
        case "date":
            if row and row.get(f"{column.name}_precision") == "year":
                return value.year if manner.numbers == "native" else str(value.year)
            return _written_date(value, manner)
    if column.unit == "percent per year" and manner.percent:
        return Percent(value) if manner.numbers == "native" else _number(value, manner) + "%"
    if column.type == "amount":
        value = value / manner.unit
    if manner.numbers == "native":
        return int(value) if value == int(value) else float(value)
    return _number(Decimal(value), manner)


def _number(value: Decimal, manner: Manner) -> str:
    plain = f"{value:,f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    match manner.numbers:
        case "en":
            return plain
        case "vi":
            return plain.translate(str.maketrans(",.", ".,"))
        case "spaced":
            return plain.translate(str.maketrans(",.", " ,"))
    return plain.replace(",", "").replace(".", ",")


def _written_code(code: str, column: Column, manner: Manner) -> Any:
    entry = next(entry for entry in column.codes.entries if entry.code == code)  # type: ignore[union-attr]
    if manner.codes == "code":
        bare = manner.lost_zeros and code.isdigit()
        return (int(code) if manner.numbers == "native" else code.lstrip("0")) if bare else code
    if manner.codes == "alias" and entry.aliases:
        return entry.aliases[manner.seed % len(entry.aliases)]
    return entry.label.upper() if manner.codes == "upper" else entry.label


def _written_date(day: date, manner: Manner) -> Any:
    match manner.dates:
        case "native":
            return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - as spreadsheets keep it
        case "serial":
            number = (day - date(1899, 12, 30)).days
            return number if manner.numbers == "native" else str(number)
        case "iso":
            return day.isoformat()
        case "short":
            return f"{day.day}/{day.month}/{day.year}"
    return day.strftime(manner.dates)


def _letter(index: int) -> str:
    letters = ""
    while index >= 0:
        index, rest = divmod(index, 26)
        letters = chr(65 + rest) + letters
        index -= 1
    return letters


# --- files -----------------------------------------------------------------------------------------------------------


def write_xlsx(path: Path, sheets: Mapping[str, Grid]) -> Path:
    """A workbook of these sheets."""
    workbook: Any = xlsxwriter.Workbook(str(path))
    with workbook:
        days, rates = workbook.add_format({"num_format": "dd/mm/yyyy"}), workbook.add_format({"num_format": "0.00%"})
        for name, grid in sheets.items():
            sheet = workbook.add_worksheet(name)
            for r, line in enumerate(grid.rows):
                for c, value in enumerate(line):
                    if isinstance(value, datetime):
                        sheet.write_datetime(r, c, value, days)
                    elif isinstance(value, Percent):
                        sheet.write_number(r, c, float(value.value / 100), rates)
                    elif isinstance(value, bool):
                        sheet.write_boolean(r, c, value)
                    elif isinstance(value, str):
                        sheet.write_string(r, c, value)
                    elif value is not None:
                        sheet.write_number(r, c, value)
            for first_row, first, last_row, last in grid.merges:
                sheet.merge_range(first_row, first, last_row, last, grid.rows[first_row][first])
            if grid.hidden:
                sheet.hide()
    return path


def write_csv(
    path: Path, grid: Grid, *, delimiter: str = ";", encoding: str = "utf-8-sig", newline: str = "\r\n"
) -> Path:
    """A text file as spreadsheets save it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=newline)
    writer.writerows([["" if cell is None else cell for cell in line] for line in grid.rows])
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def csv_lines(grid: Grid) -> list[int]:
    """The lines of a text file on which the data rows begin: a heading may break over several."""
    starts, line = [], 1
    for row in grid.rows:
        starts.append(line)
        line += 1 + sum(cell.count("\n") for cell in row if isinstance(cell, str))
    return [starts[number - 1] for number in grid.lines]


def records(dataset: str, rows: Iterable[Row], manner: Manner, standard: str = "") -> Iterator[Row]:
    """Rows as JSON objects: keys are the contract's columns."""
    rows = list(rows)
    flags = {column.name for column in load_contracts()[dataset].columns if column.type == "flag"}
    for row in rows:
        cells = {c.name: _written(row[c.name], c, manner, row) for c in _shown_columns(dataset, standard, rows, manner)}
        yield {name: value for name, value in cells.items() if value is not None or name in flags}


def write_json(path: Path, objects: Iterable[Row], shape: str = "array") -> Path:
    """A JSON file: an array, an array wrapped in an object, or one object a line."""
    objects = list(objects)
    if shape == "lines":
        text = "\n".join(json.dumps(item, ensure_ascii=False) for item in objects)
    else:
        text = json.dumps({"data": objects} if shape == "wrapped" else objects, ensure_ascii=False, indent=1)
    path.write_text(text, encoding="utf-8")
    return path


# --- any office ------------------------------------------------------------------------------------------------------

_TITLES = {
    "A": ("Năm {year}", "NĂM {year}", "Kỳ báo cáo: Năm {year}", "(Thời điểm 31 tháng 12 năm {year})",
          "(Kèm theo Quyết định số 15/QĐ-UBND ngày 28 tháng 12 năm {year})", ""),
    "Q": ("Quý {roman} năm {year}", "QUÝ {roman} NĂM {year}", "Kỳ báo cáo: Quý {number}/{year}", ""),
}  # fmt: skip


def any_title(chance: random.Random, period_code: str) -> str:
    """A line that names the period, or none."""
    period = Period.parse(period_code)
    number = int(period_code[-1]) if period.cadence == "Q" else 0
    line = chance.choice(_TITLES[period.cadence])
    return line.format(year=period.year, number=number, roman=ROMAN[number - 1])


def any_manner(seed: int, kind: str = "xlsx") -> Manner:
    """A manner in which some office might write a report of this kind of file (xlsx, csv, json)."""
    chance = random.Random(f"manner {seed}")  # noqa: S311 - a layout

    def likely(share: float) -> bool:
        return chance.random() < share

    native = kind == "json" or (kind == "xlsx" and likely(0.5))
    sections, stt = likely(0.4), likely(0.6)
    manner = Manner(
        seed=seed,
        headings=chance.choice(("label", "label", "synonym", "capitals", "decomposed", "spaced", "key")),
        depth=chance.choice((1, 1, 2, 3)) if kind == "xlsx" else 1,
        merged=likely(0.8),
        shuffled=likely(0.3),
        numbered_deprivations=likely(0.2),
        letterhead=likely(0.5),
        unit=chance.choice((1, 1, 1_000, 1_000_000)),
        unit_line=likely(0.3),
        number_row=likely(0.4),
        stt=stt,
        surplus=likely(0.3),
        sections=sections,
        subtotals=likely(0.3),
        total=chance.choice(("", "top", "bottom", "bottom")),
        footer=likely(0.4),
        origin=chance.choice(((0, 0), (0, 0), (4, 2))) if kind == "xlsx" else (0, 0),
        codes=chance.choice(("label", "label", "code", "alias", "upper")),
        flag=chance.choice(("x", "X", "1", "có", "TRUE") if not native else ("x", 1, True, "Có")),
        no=chance.choice((None, None, "0", "không") if not native else (None, None, 0, False)),
        dates=chance.choice(("%d/%m/%Y", "short", "iso", "%d-%m-%Y", "%d.%m.%Y"))
        if not native or kind == "json"
        else chance.choice(("native", "serial", "%d/%m/%Y", "iso")),
        numbers="native" if native else chance.choice(("plain", "vi", "vi", "en", "spaced")),
        percent=likely(0.2) and kind != "json",
        lost_zeros=likely(0.4),
        places=chance.choice(("both", "code", "name")),
        names=chance.choice(("full", "full", "upper", "variant")),
        without=frozenset({"note"} if likely(0.5) else set()),
    )
    if kind == "json":
        manner = replace(manner, headings="key", unit=1, numbered_deprivations=False)
    return manner
