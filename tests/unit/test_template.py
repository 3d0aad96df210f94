"""Templates: what a sender gets, and that it reads back without a finding once it is filled."""

import stat
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from ingestion.contract import Column, load_contracts
from ingestion.official_forms.layout import REPORTED_FORMS
from ingestion.read import Report, read_file
from ingestion.template import TemplateError, write_template
from ingestion.templating.list_form import choices_of, example_of, heading_of
from ingestion.templating.prefill import Row
from ingestion.templating.request import Request, make_request

PROVINCE = "24"
SENDERS = {
    **dict.fromkeys(("household_review", "household_member", "commune_profile"), ("huyen-220", "2022")),
    **dict.fromkeys(REPORTED_FORMS, ("huyen-220", "2022")),
    "support_delivery": ("sxd", "2022-Q3"),
    "credit_loan": ("nhcsxh", "2022-Q3"),
    "programme_finance": ("skhdt", "2022-Q3"),
    "capacity_activity": ("sldtbxh", "2022-S1"),
    "task_progress": ("stp", "2022-S2"),
}
LISTS = sorted(set(SENDERS) - set(REPORTED_FORMS))
HEADINGS_AT = 7  # row of the sheet


def test_every_data_set_has_a_template() -> None:
    assert set(SENDERS) == set(load_contracts())


def made(path: Path, dataset: str, known: Sequence[Row] = (), sender: str = "", period: str = "") -> Request:
    default_sender, default_period = SENDERS[dataset]
    request = make_request(dataset, sender or default_sender, period or default_period, PROVINCE)
    standards = request.contract.layouts(request.period)
    write_template(path, request, {standard: list(known) for standard in standards})
    return request


def read(path: Path, request: Request) -> list[Report]:
    return read_file(
        path,
        sender_code=request.sender_code,
        period_code=request.period.code,
        province=PROVINCE,
        today=date(2027, 6, 1),
    )


def columns_of(request: Request, standard: str = "") -> list[Column]:
    return [column for column in request.contract.columns_for(standard) if not column.derived]


def first_row(sheet: Worksheet) -> int:
    """The row of the example, or in an official form the first below the row of formulas."""
    rows = [row[0].row for row in sheet.iter_rows(min_row=HEADINGS_AT, max_col=1) if row[0].value in ("Ví dụ", "A")]
    return int(rows[-1]) + (1 if sheet.cell(rows[-1], 1).value == "A" else 0)


def good_value(column: Column, request: Request, number: int) -> Any:
    """A value as a sender would type it, different from row to row where the column is a key."""
    value = example_of(column, request)
    names = request.commune_names()
    if column.place and (choices := choices_of(column, names)):
        return choices[number]
    if column.name == "household_code":
        return f"07615-{number:05d}"
    if column.name == "admin_unit_code":
        return request.communes[number].code
    if column.key and column.codes:
        return column.codes.entries[number % len(column.codes.entries)].label
    if column.key and isinstance(value, str):
        return f"{value}-{number}"
    if column.pattern and column.examples:
        return column.examples[0]
    return value


def fill_list(path: Path, request: Request, count: int, standard: str = "") -> list[dict[str, Any]]:
    """Type rows below the example; gives what was typed, by column."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    at = first_row(sheet)
    columns = columns_of(request, standard)
    typed = [{column.name: good_value(column, request, number) for column in columns} for number in range(count)]
    for number, row in enumerate(typed, start=1):
        sheet.cell(at + number, 1, number)
        for index, column in enumerate(columns, start=2):
            sheet.cell(at + number, index, row[column.name])
    book.save(path)
    return typed


def fill_form(path: Path, request: Request, figures: Mapping[str, int]) -> None:
    """Type the same figures for every commune and calculate the formulas, as a spreadsheet program does."""
    form = REPORTED_FORMS[request.contract.dataset]
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    first, step = first_row(sheet), 2 if form.has_parts_beside else 1
    for number in range(len(request.communes) + 1):
        for row in range(first + number * step, first + (number + 1) * step):
            for name, index in form.columns.items():
                sheet.cell(row, index + 1, figures[name] * (len(request.communes) if number == 0 else 1))
            for index, (part, whole) in form.rates.items():
                rate = 100 * sheet.cell(row, part + 1).value / sheet.cell(row, whole + 1).value
                sheet.cell(row, index + 1, round(rate, 2))
    book.save(path)


def only(reports: list[Report]) -> Report:
    (report,) = reports
    assert report.findings == []
    assert report.unread.height == 0
    return report


@pytest.mark.parametrize("dataset", LISTS)
def test_a_filled_list_reads_without_a_finding(tmp_path: Path, dataset: str) -> None:
    request = made(tmp_path / "a.xlsx", dataset)
    (standard,) = request.contract.layouts(request.period)
    typed = fill_list(tmp_path / "a.xlsx", request, 3, standard)
    report = only(read(tmp_path / "a.xlsx", request))
    assert (report.dataset, report.standard_code, report.row_count) == (dataset, standard, 3)
    for column in columns_of(request, standard):
        values = report.rows[column.name].to_list()
        assert None not in values or typed[0][column.name] is None, column.name


@pytest.mark.parametrize("dataset", LISTS)
def test_the_example_alone_is_no_report(tmp_path: Path, dataset: str) -> None:
    request = made(tmp_path / "a.xlsx", dataset)
    (report,) = read(tmp_path / "a.xlsx", request)
    assert (report.dataset, [finding.rule for finding in report.findings]) == (dataset, ["no_rows"])


MOVED = {"start": 50, "other_decrease": 1, "relapsed": 3, "new": 4, "other_increase": 1, "end": 42}
FIGURES: dict[str, dict[str, int]] = {
    "review_result": {
        "household_count": 1000,
        "population": 4000,
        "poor_count": 30,
        "near_poor_count": 20,
        "average_living_count": 10,
        "poor_persons": 120,
        "near_poor_persons": 80,
        "average_living_persons": 40,
    },
    "poor_movement": MOVED | {"to_near_poor": 9, "to_above": 8, "from_near_poor": 2},
    "near_poor_movement": MOVED | {"escaped": 9, "to_poor": 8, "from_poor": 2},
}


@pytest.mark.parametrize("dataset", REPORTED_FORMS)
@pytest.mark.parametrize(("sender", "period"), [("huyen-220", "2022"), ("xa-07615", "2025")])
def test_a_filled_official_form_reads_without_a_finding(tmp_path: Path, dataset: str, sender: str, period: str) -> None:
    request = made(tmp_path / "a.xlsx", dataset, sender=sender, period=period)
    if request.unit and request.unit.level == "commune":
        fill_one_commune(tmp_path / "a.xlsx", request, FIGURES[dataset])
    else:
        fill_form(tmp_path / "a.xlsx", request, FIGURES[dataset])
    report = only(read(tmp_path / "a.xlsx", request))
    is_movement = REPORTED_FORMS[dataset].has_parts_beside
    assert report.dataset == dataset
    assert report.row_count == len(request.communes) * (2 if is_movement else 1)
    assert set(report.rows["commune_code"]) == {commune.code for commune in request.communes}
    for name, figure in FIGURES[dataset].items():
        assert set(report.rows[name]) == {figure}
    if is_movement:
        assert set(report.rows["counted"]) == {"households", "persons"}


def fill_one_commune(path: Path, request: Request, figures: Mapping[str, int]) -> None:
    form = REPORTED_FORMS[request.contract.dataset]
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    for row in range(first_row(sheet), first_row(sheet) + (2 if form.has_parts_beside else 1)):
        for name, index in form.columns.items():
            sheet.cell(row, index + 1, figures[name])
        for index, (part, whole) in form.rates.items():
            rate = 100 * sheet.cell(row, part + 1).value / sheet.cell(row, whole + 1).value
            sheet.cell(row, index + 1, round(rate, 2))
    book.save(path)


@pytest.mark.parametrize("dataset", REPORTED_FORMS)
def test_an_official_form_is_laid_out_as_the_ministry_does(tmp_path: Path, dataset: str) -> None:
    request = made(tmp_path / "a.xlsx", dataset)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    numbers = [cell.value for cell in sheet[first_row(sheet) - 1]]
    first = first_row(sheet)
    merged = {str(area) for area in sheet.merged_cells.ranges}
    assert {"A8:A10", "B8:B10"} <= merged
    assert [sheet.cell(first, 1).value, sheet.cell(first, 2).value] == ["1", "Huyện Sơn Động"]
    if dataset == "review_result":
        assert numbers[4:6] == ["3", "4=3/1*100"]
        assert sheet.cell(first, 3).value == f"=SUM(C{first + 1}:C{first + len(request.communes)})"
        assert sheet.cell(first + 1, 6).value == f"=IF(N(C{first + 1})=0,0,ROUND(E{first + 1}/C{first + 1}*100,2))"
        assert sheet.cell(first + 1, 2).value == request.communes[0].name
    else:
        assert numbers[-1] == "9=1-2-3-4+5+6+7+8"
        assert f"B{first + 2}:B{first + 3}" in merged  # a commune over its two rows
        assert [sheet.cell(first + 2, 3).value, sheet.cell(first + 3, 3).value] == ["Hộ", "Nhân khẩu"]
        row = first + 2
        assert sheet.cell(row, 12).value == f"=D{row}-E{row}-F{row}-G{row}+H{row}+I{row}+J{row}+K{row}"
        assert sheet.cell(first, 4).value.startswith("=SUMIF(")


@pytest.mark.parametrize("dataset", LISTS)
def test_a_list_has_its_headings_drop_downs_and_guidance(tmp_path: Path, dataset: str) -> None:
    request = made(tmp_path / "a.xlsx", dataset)
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    sheet = book.worksheets[0]
    (standard,) = request.contract.layouts(request.period)
    columns = columns_of(request, standard)
    written = {cell.value for row in sheet.iter_rows(min_row=HEADINGS_AT, max_row=HEADINGS_AT + 1) for cell in row}
    assert {heading_of(column, standard) for column in columns} <= written
    assert any("(đồng)" in heading_of(c, standard) for c in columns) == any(c.type == "amount" for c in columns)
    at = first_row(sheet)
    assert [sheet.cell(at - 1, index).value for index in (1, 2, 3)] == ["A", "(1)", "(2)"]
    assert str(sheet.cell(at, 2 + [c.name for c in columns].index(request.contract.key[0])).value).startswith("Ví dụ: ")
    assert sheet.freeze_panes == f"C{at}"
    lists = book["Danh mục"] if "Danh mục" in book.sheetnames else None
    assert lists is None or lists.sheet_state == "veryHidden"
    for index, column in enumerate(columns, start=2):
        letter = sheet.cell(1, index).column_letter
        rules = [rule for rule in sheet.data_validations.dataValidation if f"{letter}{at + 1}" in rule.sqref]
        choices = choices_of(column, request.commune_names())
        if choices and column.type != "code_list":
            (rule,) = rules
            assert rule.type == "list"
            assert lists is not None
            assert [cell.value for (cell,) in lists[rule.formula1.split("!")[1].replace("$", "")]] == choices
        elif column.type in ("integer", "amount"):
            (rule,) = rules
            assert rule.type == "whole"
            assert rule.error.startswith("Ô này cần ghi một số")
        if column.type in ("text", "code"):
            assert sheet.cell(at + 1, index).number_format == "@" or sheet.column_dimensions[letter].width
            assert sheet.cell(at, index).number_format == "@"
    guide = book["Hướng dẫn"]
    told = [[cell.value for cell in row if cell.value is not None] for row in guide.iter_rows()]
    assert max(map(len, told)) == 2  # or it would be read as a table
    assert {row[0] for row in told if row} >= {heading_of(column, standard) for column in columns}
    for column in columns:
        (line,) = [row[1] for row in told if len(row) == 2 and row[0] == heading_of(column, standard)]
        in_group = any(column.name in group for group in request.contract.one_of)
        assert line.startswith("Phải ghi ít nhất một" if in_group else ("Bắt buộc.", "Không bắt buộc."))
        assert line.startswith("Bắt buộc.") == (column.required and column.type != "flag" and not in_group)


def test_deprivations_follow_the_standard_of_the_period(tmp_path: Path) -> None:
    """2021 stands under two: a sheet for each, with ten and with twelve, told apart when read."""
    request = made(tmp_path / "a.xlsx", "household_review", period="2021")
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames[:2] == ["Chuẩn 2016-2020", "Chuẩn 2021-2025"] or "Chuẩn 2021-2025" in book.sheetnames
    for standard, count in (("2016-2020", 10), ("2021-2025", 12)):
        columns = columns_of(request, standard)
        assert sum(column.deprivation is not None for column in columns) == count
        sheet = book[f"Chuẩn {standard}"]
        at = first_row(sheet)
        for index, column in enumerate(columns, start=2):
            sheet.cell(at + 1, index, good_value(column, request, 1))
    book.save(tmp_path / "a.xlsx")
    reports = read(tmp_path / "a.xlsx", request)
    assert [(report.standard_code, report.row_count, report.findings) for report in reports] == [
        ("2016-2020", 1, []),
        ("2021-2025", 1, []),
    ]


@pytest.mark.parametrize(("period", "standard"), [("2013", "2011-2015"), ("2018", "2016-2020")])
def test_a_list_of_an_earlier_standard(tmp_path: Path, period: str, standard: str) -> None:
    request = made(tmp_path / "a.xlsx", "household_review", period=period)
    fill_list(tmp_path / "a.xlsx", request, 2, standard)
    report = only(read(tmp_path / "a.xlsx", request))
    assert (report.standard_code, report.row_count) == (standard, 2)


KNOWN: Row = {
    "household_code": "07615-00001",
    "head_name": "=HYPERLINK(1)",
    "head_sex": "female",
    "head_birth_date": date(1985, 1, 1),
    "head_birth_date_precision": "year",
    "head_ethnic_group": "01",
    "head_national_id": "024064916238",
    "commune_code": "07615",
    "village_name": "-Thôn 1",
    "member_count": 4,
    "area_type": "rural",
    "class_previous": "near_poor",
}


def test_what_is_known_is_filled_in(tmp_path: Path) -> None:
    request = made(tmp_path / "a.xlsx", "household_review", [KNOWN])
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    columns = columns_of(request, "2021-2025")
    at = first_row(sheet) + 1
    cells = {column.name: sheet.cell(at, index) for index, column in enumerate(columns, start=2)}
    assert {name: cell.value for name, cell in cells.items() if cell.value is not None} == {
        "household_code": "07615-00001",
        "head_name": "=HYPERLINK(1)",
        "head_sex": "Nữ",
        "head_birth_date": "1985",
        "head_ethnic_group": "Kinh",
        "head_national_id": "024064916238",
        "commune_code": "07615",
        "commune_name": "Thị trấn An Châu",
        "village_name": "-Thôn 1",
        "member_count": 4,
        "area_type": "Nông thôn",
        "class_previous": "Hộ cận nghèo",
    }
    with zipfile.ZipFile(tmp_path / "a.xlsx") as package:
        xml = package.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in xml  # what looks like a formula is text, and marked as text
    assert cells["head_name"].quotePrefix
    assert cells["village_name"].quotePrefix
    assert not cells["household_code"].quotePrefix


def test_a_template_is_for_its_owner_alone_and_whole_or_not_there(tmp_path: Path) -> None:
    made(tmp_path / "a.xlsx", "household_review", [KNOWN])
    assert stat.S_IMODE((tmp_path / "a.xlsx").stat().st_mode) == 0o600
    with pytest.raises(KeyError):
        made(tmp_path / "b.xlsx", "household_review", [{**KNOWN, "head_sex": "unheard of"}])
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]


def test_two_communes_of_one_name_are_told_apart() -> None:
    request = make_request("credit_loan", "nhcsxh", "2022-Q3", PROVINCE)
    names = request.commune_names()
    assert len(set(names.values())) == len(names) > 100
    assert any(", Huyện " in name for name in names.values())


@pytest.mark.parametrize(
    ("dataset", "sender", "period", "message"),
    [
        ("weather", "huyen-220", "2022", "no data set 'weather'"),
        ("household_review", "huyen-220", "22", "is not a period"),
        ("household_review", "huyen-220", "2022-Q1", "is not reported for 2022-Q1"),
        ("household_review", "huyen-220", "1990", "no poverty standard holds in 1990"),
        ("household_review", "huyen-999", "2022", "huyen-999 does not report household_review"),
        ("household_review", "huyen-220", "2025", "huyen-220 does not report household_review"),
        ("credit_loan", "sxd", "2022-Q1", "sxd does not report credit_loan"),
    ],
)
def test_what_cannot_be_is_refused(dataset: str, sender: str, period: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        make_request(dataset, sender, period, PROVINCE)
