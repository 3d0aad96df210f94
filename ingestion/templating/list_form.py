"""A list to fill: letterhead, title, headings with units, column numbers, an example, and the rows that are known."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from xlsxwriter.worksheet import Worksheet

from ingestion.contract import Column
from ingestion.templating.choices import Choices
from ingestion.templating.prefill import Row
from ingestion.templating.request import Request
from ingestion.templating.styles import Styles, number_format

_SPARE_ROWS = 2_000  # rows below the known ones that are checked while typing
_HEADINGS_AT = 6
_UNITS = {
    "VND": "đồng",
    "VND per person per month": "đồng",
    "percent": "%",
    "percent per year": "%/năm",
    "month": "tháng",
}
_WIDTHS = {"text": 20, "code": 20, "code_list": 30, "flag": 11, "integer": 12, "decimal": 14, "amount": 18, "date": 14}
_EXAMPLES: dict[str, Any] = {
    "head_name": "Nguyễn Văn An",
    "full_name": "Nguyễn Văn An",
    "borrower_name": "Nguyễn Văn An",
    "village_name": "Thôn 1",
    "transaction_office": "PGD huyện",
    "result": "Đã tập huấn cho 50 người",
    "support_id": "HS-2022-000001",
    "activity_id": "HD-2022-0001",
    "loan_id": "6600000123456789",
}


def write_list_form(
    sheet: Worksheet, styles: Styles, choices: Choices, request: Request, standard_code: str, rows: Sequence[Row]
) -> None:
    """Write the list of a data set under a poverty standard ('' where none enters)."""
    columns = [column for column in request.contract.columns_for(standard_code) if not column.derived]
    _write_head(sheet, styles, request, standard_code, len(columns))
    first = _write_headings(sheet, styles, request, columns, standard_code)
    _write_example(sheet, styles, request, columns, first)
    names = request.commune_names()
    for number, row in enumerate(rows, start=1):
        at = first + number
        sheet.write_number(at, 0, number, styles.plain(border=1, align="center", valign="vcenter"))
        for index, column in enumerate(columns, start=1):
            value = _shown(column, row, names)
            _write(sheet, styles, at, index, column, value)
    last = first + len(rows) + _SPARE_ROWS
    for index, column in enumerate(columns, start=1):
        choices.validate(sheet, (first + 1, index, last, index), column, choices_of(column, names))
    sheet.freeze_panes(first, 2)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_HEADINGS_AT, first - 1)


def choices_of(column: Column, commune_names: dict[str, str]) -> list[str]:
    """What may be chosen in a column of codes or of communes, as it is shown; none for other columns."""
    if column.place == "commune_code":
        return list(commune_names)
    if column.place == "commune_name":
        return list(commune_names.values())
    return [entry.label for entry in column.codes.entries] if column.codes else []


def heading_of(column: Column, standard_code: str) -> str:
    """The heading of a column with its unit, as the contract has them."""
    heading = column.standard_headings.get(standard_code, column.heading)
    unit = _UNITS.get(column.unit or "")
    return heading if unit is None or unit[0] in heading[-5:] else f"{heading} ({unit})"


def _write_head(sheet: Worksheet, styles: Styles, request: Request, standard_code: str, width: int) -> None:
    centred = styles.plain(bold=True, align="center")
    right = max(4, width // 2)
    sheet.write_string(0, 1, "ỦY BAN NHÂN DÂN" if request.unit else "UBND TỈNH", centred)
    sheet.write_string(1, 1, request.sender_name.upper(), centred)
    sheet.write_string(0, right, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", centred)
    sheet.write_string(1, right, "Độc lập - Tự do - Hạnh phúc", centred)
    sheet.write_string(3, 2, request.contract.title_vi.upper(), styles.plain(bold=True, font_size=14))
    standard = f" (theo chuẩn nghèo giai đoạn {standard_code})" if standard_code else ""
    sheet.write_string(4, 2, f"{request.period_title}{standard}", styles.plain(italic=True))


def _write_headings(
    sheet: Worksheet, styles: Styles, request: Request, columns: Sequence[Column], standard_code: str
) -> int:
    """Headings and column numbers; gives the first row below them. Deprivations stand under one heading."""
    grouped = [index for index, column in enumerate(columns, start=1) if column.deprivation]
    top, leaf = _HEADINGS_AT, _HEADINGS_AT + bool(grouped)
    headings = [("TT", False, 0)]
    headings += [(heading_of(column, standard_code), column.required, i) for i, column in enumerate(columns, start=1)]
    for heading, required, index in headings:
        form = styles.heading(required=required)
        if grouped and index not in grouped:
            sheet.merge_range(top, index, leaf, index, heading, form)
        else:
            sheet.write_string(leaf, index, heading, form)
    if grouped:
        group = request.contract.deprivation_group_headings[0]
        sheet.merge_range(top, grouped[0], top, grouped[-1], group, styles.heading(required=True))
    sheet.set_row(leaf, 64)
    sheet.set_column(0, 0, 8)
    for index, column in enumerate(columns, start=1):
        # The format of the whole column, so that rows added below keep identifiers as text, too.
        sheet.set_column(index, index, _WIDTHS[column.type], styles.plain(num_format=number_format(column)))
        sheet.write_string(leaf + 1, index, f"({index})", styles.number_row())
    sheet.write_string(leaf + 1, 0, "A", styles.number_row())
    return leaf + 2


def _write_example(sheet: Worksheet, styles: Styles, request: Request, columns: Sequence[Column], row: int) -> None:
    """A row that shows how to fill one, marked in the key, by which the reader knows it."""
    sheet.write_string(row, 0, "Ví dụ", styles.plain(border=1, italic=True, font_color="#7F7F7F", bg_color="#F2F2F2"))
    marked = next(name for name in request.contract.key if not request.contract.column(name).derived)
    for index, column in enumerate(columns, start=1):
        value = example_of(column, request)
        if column.name == marked:
            sheet.write_string(row, index, f"Ví dụ: {value}", styles.cell(column, example=True))
        else:
            _write(sheet, styles, row, index, column, value, example=True)


def example_of(column: Column, request: Request) -> Any:
    """A value as a sender would fill it in; None where a column is best left empty."""
    if column.name in _EXAMPLES:
        return _EXAMPLES[column.name]
    commune = request.communes[0] if request.communes else None
    if column.place is not None and commune is not None:
        return commune.code if column.place == "commune_code" else request.commune_names()[commune.code]
    if column.codes is not None:
        labels = [entry.label for entry in column.codes.entries]
        return "; ".join(labels[:2]) if column.type == "code_list" else labels[0]
    if column.type == "text":
        return column.examples[0] if column.examples else None
    if column.type == "flag":
        return "x"
    if column.type == "date":
        return "15/08/1985" if column.partial_date else request.period.end
    low = column.minimum if column.minimum is not None else Decimal(0)
    usual = Decimal(1_000_000) if column.type == "amount" else Decimal(4)
    return min(max(low, usual), column.maximum if column.maximum is not None else usual)


def _shown(column: Column, row: Row, commune_names: dict[str, str]) -> Any:
    """A stored value as a sender would write it."""
    value = row.get(column.name)
    if column.place == "commune_name" and value is None:
        return commune_names.get(row.get("commune_code") or "")
    if value is None:
        return None
    if column.type == "code_list" and column.codes:
        return "; ".join(column.codes.labels[code] for code in value)
    if column.codes is not None:
        return column.codes.labels[value]
    if column.type == "flag":
        return "x" if value else None
    if column.type == "date" and column.partial_date:
        precision = row.get(f"{column.name}_precision")
        return (
            f"{value:%Y}" if precision == "year" else f"{value:%m/%Y}" if precision == "month" else f"{value:%d/%m/%Y}"
        )
    return value


def _write(
    sheet: Worksheet, styles: Styles, row: int, index: int, column: Column, value: Any, *, example: bool = False
) -> None:
    form = styles.cell(column, value, example=example)
    if value is None:
        sheet.write_blank(row, index, None, form)
    elif isinstance(value, str):
        sheet.write_string(row, index, value, form)
    elif isinstance(value, date):
        sheet.write_datetime(row, index, value, form)
    else:
        sheet.write_number(row, index, value, form)
