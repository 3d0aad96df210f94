"""A received file into reports: what it holds, who sent it, when, and where its communes are."""

import csv
import json
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from openpyxl.utils import get_column_letter
from reports import Cells, columns, record, table, write_csv, write_ods, write_xlsx

from ingestion.answering.marker import FIRST_SHEET, MARK
from ingestion.contract import load_contracts
from ingestion.ops import ColumnPosition, UnreadCell
from ingestion.read import Report, read_file
from ingestion.settings import PROJECT_DIR

INBOX = PROJECT_DIR / "examples" / "inbox"
EXPECTED = PROJECT_DIR / "tests" / "acceptance" / "expected" / "submissions.csv"
OURS = set(load_contracts())
POLARS = {"text": pl.String, "bigint": pl.Int64, "date": pl.Date, "boolean": pl.Boolean, "text[]": pl.List(pl.String)}


def read(path: Path, sender: str = "huyen-220", period: str = "2022", **options: Any) -> list[Report]:
    return read_file(path, sender_code=sender, period_code=period, today=date(2026, 1, 31), **options)


def only(reports: list[Report]) -> Report:
    (report,) = reports
    return report


def rules(report: Report) -> list[str]:
    return [finding.rule for finding in report.findings]


def households(path: Path, *records: dict[str, Any], **options: Any) -> Path:
    return write_xlsx(path / "a.xlsx", table("household_review", records or [record("household_review")], **options))


# --- the sample reports ---


def sample_files() -> list[Path]:
    return sorted(path for path in INBOX.rglob("*") if path.is_file())


def test_the_samples_are_there() -> None:
    assert len(sample_files()) > 100


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: "/".join(path.relative_to(INBOX).parts))
def test_sample_reports_have_every_row_and_no_defect(path: Path) -> None:
    sender, period, name = path.relative_to(INBOX).parts
    with EXPECTED.open(encoding="utf-8", newline="") as file:
        expected = [
            row for row in csv.DictReader(file) if (row["sender"], row["period"], row["file"]) == (sender, period, name)
        ]
    reports = read(path, sender, period, province="24")
    ours = Counter({row["dataset"]: int(row["rows"]) for row in expected if row["dataset"] in OURS})
    assert Counter({report.dataset: report.row_count for report in reports if report.dataset}) == ours
    for report in reports:
        if report.dataset:
            assert set(rules(report)) <= {"unknown_heading"}
            assert report.unread.is_empty()
        else:
            assert rules(report) == ["not_recognised"]


# --- shape ---


@pytest.mark.parametrize("dataset", sorted(OURS))
def test_frames_have_the_columns_and_types_of_the_tables(dataset: str, tmp_path: Path) -> None:
    cadence = load_contracts()[dataset].cadence
    sender, period = {"A": ("huyen-220", "2022"), "Q": ("nhcsxh", "2023-Q2"), "S": ("nhcsxh", "2023-S1")}[cadence]
    report = only(
        read(write_xlsx(tmp_path / "a.xlsx", table(dataset, [record(dataset)])), sender, period, province="24")
    )
    assert report.dataset == dataset
    assert report.rows.height == 1
    assert rules(report) == []
    assert report.unread.is_empty()
    declared = [(name, kind) for name, kind in load_contracts()[dataset].raw_columns() if name != "submission_id"]
    assert report.rows.columns == [name for name, _ in declared]
    for (name, kind), dtype in zip(declared, report.rows.dtypes, strict=True):
        expected = pl.Int32 if name == "row_number" else pl.Decimal if kind == "numeric" else POLARS[kind]
        assert dtype == expected, name
    in_ops = [column.name for column in UnreadCell.__table__.columns if column.name not in ("submission_id", "dataset")]
    assert sorted(report.unread.columns) == sorted(in_ops)
    in_ops = [column.name for column in ColumnPosition.__table__.columns if column.name != "submission_id"]
    assert sorted(report.positions.columns) == sorted(in_ops)


def test_a_whole_row(tmp_path: Path) -> None:
    report = only(read(households(tmp_path)))
    assert report.standard_code == "2021-2025"
    assert report.period_end == date(2022, 12, 31)
    assert report.contract_version == load_contracts()["household_review"].version
    row = report.rows.row(0, named=True)
    assert (
        row
        | {
            "sheet_name": "Sheet1",
            "row_number": 2,
            "household_code": "07645-00001",
            "head_sex": "female",
            "head_birth_date": date(1984, 2, 11),
            "head_birth_date_precision": "day",
            "head_ethnic_group": "07",
            "commune_code": "07645",
            "member_count": 4,
            "area_type": "rural",
            "income_per_capita": Decimal(1_250_000),
            "dep_water": True,
            "dep_employment": False,
            "dep_health_access": None,
            "class_reported": "poor",
            "movement_reported": "stayed",
            "poverty_causes": ["no_labour", "illness_accident"],
            "needs": ["credit"],
            "is_merit_family": False,
            "note": None,
        }
        == row
    )


def test_the_other_standard_leaves_its_columns_empty(tmp_path: Path) -> None:
    rows = table("household_review", [record("household_review", dep_health_access="x")], standard="2016-2020")
    row = only(read(write_xlsx(tmp_path / "a.xlsx", rows), period="2018")).rows.row(0, named=True)
    assert row["dep_health_access"] is True
    assert row["dep_health_insurance"] is False
    assert row["dep_employment"] is None


def test_positions_and_cells_are_those_of_the_sheet(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    for row_index, row in enumerate(table("household_review", [record("household_review", head_sex="?")])):
        for column_index, value in enumerate(row):
            workbook.active.cell(5 + row_index, 3 + column_index, value)
    workbook.save(tmp_path / "a.xlsx")
    report = only(read(tmp_path / "a.xlsx"))
    assert report.rows["row_number"].to_list() == [6]
    assert report.positions.filter(pl.col("column_name") == "head_sex")["column_letter"].to_list() == ["E"]
    unread = report.unread.row(0, named=True)
    assert (unread["row_number"], unread["column_name"], unread["cell"], unread["value"]) == (6, "head_sex", "E6", "?")
    assert unread["rule"] == "unknown_code"


@pytest.mark.parametrize("kind", ["xlsx", "ods", "csv", "json"])
def test_one_report_in_four_formats(kind: str, tmp_path: Path) -> None:
    records = [record("support_delivery", number) for number in (1, 2)]
    rows, path = table("support_delivery", records), tmp_path / "report"
    match kind:
        case "xlsx":
            write_xlsx(path, rows)
        case "ods":
            write_ods(path, rows)
        case "csv":
            write_csv(path, rows)
        case "json":
            path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    report = only(read(path, "sxd", "2023-Q2"))
    assert not report.findings
    assert report.rows["amount"].to_list() == [40_000_000, 40_000_000]
    assert report.rows["row_number"].to_list() == ([1, 2] if kind == "json" else [2, 3])
    assert report.positions.is_empty() == (kind == "json")


def test_errors_in_cells_are_unread(tmp_path: Path) -> None:
    path = households(
        tmp_path, record("household_review", member_count="#REF!", income_per_capita="=1/0", dep_water="#N/A")
    )
    report = only(read(path))
    assert dict(report.unread.select("column_name", "value").iter_rows()) == {
        "member_count": "#REF!",
        "income_per_capita": "=1/0",
        "dep_water": "#N/A",
    }
    assert report.rows.row(0, named=True)["dep_water"] is None


# --- several sheets ---


def test_sheets_of_one_data_set_are_one_report(tmp_path: Path) -> None:
    first, second = record("household_review", 1), record("household_review", 2, income_per_capita="bậy")
    sheets: dict[str, Cells] = {
        "Hướng dẫn": [["Ghi theo mẫu"]],
        "Thôn 1": table("household_review", [first]),
        "Xã": table("commune_profile", [record("commune_profile")]),
        "Thôn 2": table("household_review", [second]),
        "Danh mục khác": [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]],
    }
    reports = read(write_xlsx(tmp_path / "a.xlsx", sheets))
    assert [(report.dataset, report.sheet_names, report.row_count) for report in reports] == [
        ("household_review", ["Thôn 1", "Thôn 2"], 2),
        ("commune_profile", ["Xã"], 1),
        (None, ["Danh mục khác"], 0),
    ]
    assert reports[0].rows["sheet_name"].to_list() == ["Thôn 1", "Thôn 2"]
    assert reports[0].unread["sheet_name"].to_list() == ["Thôn 2"]
    assert rules(reports[2]) == ["not_recognised"]


def test_two_standards_of_one_year_are_two_reports(tmp_path: Path) -> None:
    sheets = {
        standard: table("household_review", [record("household_review")], standard=standard)
        for standard in ("2016-2020", "2021-2025")
    }
    reports = read(write_xlsx(tmp_path / "a.xlsx", sheets), period="2021")
    assert [report.standard_code for report in reports] == ["2016-2020", "2021-2025"]


def test_hidden_sheets_are_left_out(tmp_path: Path) -> None:
    path = write_xlsx(
        tmp_path / "a.xlsx",
        {"A": table("household_review", [record("household_review")]), "B": [["a", "b", "c"]] * 3},
    )
    workbook = openpyxl.load_workbook(path)
    workbook["B"].sheet_state = "hidden"
    workbook.save(path)
    assert only(read(path)).sheet_names == ["A"]


def test_decimals_of_several_sheets_keep_their_digits(tmp_path: Path) -> None:
    sheets = {
        name: table("commune_profile", [record("commune_profile", irrigation_need_ha=value)])
        for name, value in (("A", 339), ("B", 339.125))
    }
    report = only(read(write_xlsx(tmp_path / "a.xlsx", sheets)))
    assert report.rows["irrigation_need_ha"].to_list() == [Decimal(339), Decimal("339.125")]


# --- findings of whole reports ---


def test_nothing_in_it(tmp_path: Path) -> None:
    report = only(read(write_xlsx(tmp_path / "a.xlsx", [["Xin chào"]])))
    assert report.dataset is None
    assert rules(report) == ["not_recognised"]
    assert report.is_rejected


def test_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"")
    report = only(read(tmp_path / "a.xlsx"))
    assert rules(report) == ["unreadable_file"]
    assert "rỗng" in report.findings[0].message_vi
    assert "empty" in report.findings[0].message_en


def test_no_rows(tmp_path: Path) -> None:
    report = only(read(write_xlsx(tmp_path / "a.xlsx", table("household_review", []))))
    assert (report.dataset, rules(report)) == ("household_review", ["no_rows"])


def test_missing_columns_are_each_named(tmp_path: Path) -> None:
    report = only(read(households(tmp_path, without=["household_code", "head_sex"])))
    assert rules(report) == ["missing_column", "missing_column"]
    assert "Mã hộ" in report.findings[0].message_vi
    assert "Giới tính" in report.findings[1].message_vi
    assert report.rows.is_empty()
    assert report.rows.columns[:2] == ["sheet_name", "row_number"]


@pytest.mark.parametrize("dataset", ["review_result", "poor_movement", "near_poor_movement"])
def test_a_form_without_the_column_of_places_is_refused_for_it(dataset: str, tmp_path: Path) -> None:
    rows = table(dataset, [record(dataset)], headings={"commune_name": "abc"})
    report = only(read(write_xlsx(tmp_path / "a.xlsx", rows)))
    assert (report.dataset, rules(report)) == (dataset, ["missing_column", "unknown_heading"])
    assert "Phường/ Xã" in report.findings[0].message_vi


def test_unknown_headings_are_warned_of_where_they_stand(tmp_path: Path) -> None:
    rows = table("household_review", [record("household_review")])
    rows = [
        [*row, extra, blank, nameless, again]
        for row, extra, blank, nameless, again in zip(
            rows, ["Người rà soát", "A"], [None, None], [None, "lạ"], ["Mã hộ", "07645-00001"], strict=True
        )
    ]
    report = only(read(write_xlsx(tmp_path / "a.xlsx", rows)))
    assert [(finding.rule, finding.severity, finding.cell) for finding in report.findings] == [
        ("unknown_heading", "warning", "AJ1"),
        ("unknown_heading", "warning", "AM1"),
        ("unknown_heading", "warning", "AL1"),
    ]
    assert "Người rà soát" in report.findings[0].message_vi
    assert "cột A" in report.findings[1].message_vi
    assert report.row_count == 1


def test_a_wrong_total_is_warned_of(tmp_path: Path) -> None:
    rows = table("household_review", [record("household_review", number) for number in (1, 2)])
    total: list[Any] = ["Tổng cộng", *([None] * (len(rows[0]) - 1))]
    names = [column.name for column in columns("household_review")]
    total[names.index("member_count")] = 9
    total[names.index("income_per_capita")] = 2_500_000
    report = only(read(write_xlsx(tmp_path / "a.xlsx", [*rows, total])))
    (finding,) = report.findings
    assert (finding.rule, finding.severity, finding.row_number, finding.cell) == ("total_mismatch", "warning", 4, "J4")
    assert (finding.column_name, finding.value) == ("member_count", "9")
    assert report.row_count == 2


def test_a_total_in_another_unit_is_compared_in_dong(tmp_path: Path) -> None:
    heading = {"amount": "Số tiền hỗ trợ (triệu đồng)"}
    rows = table("support_delivery", [record("support_delivery", n, amount=0.1) for n in (1, 2, 3)], headings=heading)
    total: list[Any] = ["Tổng cộng", *([None] * (len(rows[0]) - 1))]
    total[rows[0].index("Số tiền hỗ trợ (triệu đồng)")] = 0.1 + 0.2
    report = only(read(write_xlsx(tmp_path / "a.xlsx", [*rows, total]), "sxd", "2023-Q2"))
    assert not report.findings
    assert report.rows["amount"].to_list() == [100_000] * 3


@pytest.mark.parametrize(
    ("sender", "period", "right"),
    [
        ("huyen-220", "2022", True),
        ("huyen-224", "2022", False),  # made in 2025
        ("huyen-999", "2022", False),
        ("huyen-220", "2025", False),  # the district level ended
        ("xa-07615", "2025", True),
        ("xa-07615", "2022", False),
        ("xa-99999", "2025", False),
        ("sldtbxh", "2022", False),
        ("HUYEN-220", "2022", False),
        ("", "2022", False),
    ],
)
def test_who_may_send_a_household_list(sender: str, period: str, right: bool, tmp_path: Path) -> None:
    report = only(read(households(tmp_path), sender, period))
    assert ("wrong_sender" in rules(report)) is not right


def test_only_the_bank_sends_loans_and_no_district_supports(tmp_path: Path) -> None:
    loans = write_xlsx(tmp_path / "a.xlsx", table("credit_loan", [record("credit_loan")]))
    assert rules(only(read(loans, "nhcsxh", "2023-Q4", province="24"))) == []
    assert rules(only(read(loans, "sxd", "2023-Q4", province="24"))) == ["wrong_sender"]
    supports = write_xlsx(tmp_path / "b.xlsx", table("support_delivery", [record("support_delivery")]))
    assert rules(only(read(supports, "nhcsxh", "2023-Q2"))) == []
    assert rules(only(read(supports, "huyen-220", "2023-Q2"))) == ["wrong_sender"]


@pytest.mark.parametrize("period", ["2022-Q1", "2022-S1", "2031", "2026", "năm 2022", "", "2009", "0000"])
def test_impossible_periods(period: str, tmp_path: Path) -> None:
    report = only(read(households(tmp_path), period=period))
    assert "wrong_period" in rules(report)
    assert report.period_code == period
    assert report.rows.is_empty()


@pytest.mark.parametrize(
    ("title", "right"),
    [
        ("DANH SÁCH NĂM 2022", True),
        ("DANH SÁCH NĂM 2021", False),
        ("Kỳ báo cáo: Quý I năm 2022", False),
        ("(Kèm theo Quyết định số 12/QĐ-UBND năm 2021)", True),
        ("Sơn Động, ngày 14 tháng 12 năm 2021", True),
    ],
)
def test_the_title_inside_the_file(title: str, right: bool, tmp_path: Path) -> None:
    rows: Cells = [["UBND HUYỆN"], [title], [], *table("household_review", [record("household_review")])]
    report = only(read(write_xlsx(tmp_path / "a.xlsx", rows)))
    assert (rules(report) == []) is right
    if not right:
        assert title in report.findings[0].message_vi


def test_all_reasons_to_refuse_are_told_at_once(tmp_path: Path) -> None:
    report = only(read(households(tmp_path, without=["head_sex"]), "sxd", "2031"))
    assert {"wrong_period", "wrong_sender", "missing_column"} <= set(rules(report))


# --- communes ---


def test_communes_by_name_and_lost_zeros(tmp_path: Path) -> None:
    path = households(
        tmp_path,
        record("household_review", 1, commune_code=None, commune_name="AN LAC"),
        record("household_review", 2, commune_code=7645, commune_name=None),
        record("household_review", 3, commune_code=None, commune_name="Xã Đồng Tân"),  # of another district
        record("household_review", 4, commune_code="07813", commune_name="Xã Đồng Tân"),  # judged by the gate
    )
    report = only(read(path))
    assert report.rows["commune_code"].to_list() == ["07645", "07645", None, "07813"]
    (unread,) = report.unread.iter_rows(named=True)
    assert (unread["row_number"], unread["column_name"], unread["value"]) == (4, "commune_code", "Xã Đồng Tân")
    assert unread["rule"] == "unknown_code"


def test_a_place_merged_down_over_its_households_is_that_of_each(tmp_path: Path) -> None:
    records = [
        record("household_review", 1, commune_code="07645", commune_name="Xã An Lạc", village_name="Thôn Một"),
        record("household_review", 2, commune_code=None, commune_name=None, village_name=None),
        record("household_review", 3, commune_code=None, commune_name=None, village_name="Thôn Ba"),
        record("household_review", 4, commune_code="07660", commune_name="Xã An Bá", member_count=None),
    ]
    rows = table("household_review", records, standard="2021-2025")
    letter = {str(heading): get_column_letter(index) for index, heading in enumerate(rows[0], start=1)}
    areas = [
        f"{letter[heading]}{first}:{letter[heading]}{last}"
        for heading, first, last in (
            ("Mã xã", 2, 4),
            ("Xã/phường/thị trấn", 2, 4),
            ("Thôn, bản, tổ dân phố", 2, 3),
            ("Số nhân khẩu", 4, 5),
        )
    ]
    report = only(read(write_xlsx(tmp_path / "a.xlsx", rows, merge=areas)))
    assert report.rows["commune_code"].to_list() == ["07645", "07645", "07645", "07660"]
    assert report.rows["village_name"].to_list()[:3] == ["Thôn Một", "Thôn Một", "Thôn Ba"]
    assert report.rows["member_count"].to_list()[2:] == [records[2]["member_count"], None]  # a number counts once


def test_a_commune_reports_on_itself_alone(tmp_path: Path) -> None:
    path = households(tmp_path, record("household_review", 1, commune_code=None, commune_name="Xã Sơn Động"))
    assert only(read(path, "xa-07615", "2025")).rows["commune_code"].to_list() == ["07615"]
    assert only(read(path, "xa-07210", "2025")).rows["commune_code"].to_list() == [None]


def test_communes_of_loans(tmp_path: Path) -> None:
    def loan(number: int, **changes: Any) -> dict[str, Any]:
        return record("credit_loan", number, commune_name="Xã Vĩnh Quang", household_code=None, **changes)

    rows = table(
        "credit_loan",
        [
            loan(1, transaction_office="PGD Huyện Bảo Lâm"),
            loan(2, transaction_office="Phòng giao dịch NHCSXH TP Cao Bằng"),
            loan(3) | {"household_code": "01300-00001"},
            loan(4, transaction_office="PGD"),
            loan(5) | {"commune_name": "Xã Không Có"},
        ],
    )
    report = only(read(write_xlsx(tmp_path / "a.xlsx", rows), "nhcsxh", "2023-Q4", province="04"))
    assert report.rows["commune_code"].to_list() == ["01300", "01693", "01300", None, None]
    assert report.unread["row_number"].to_list() == [5, 6]
    assert "01300" in report.unread["expected_vi"][0]
    assert report.rows["commune_name"].to_list()[3] == "Xã Vĩnh Quang"


def test_without_a_province_only_names_of_one_commune_in_the_nation_are_found(tmp_path: Path) -> None:
    rows = table(
        "credit_loan",
        [
            record("credit_loan", 1, commune_name="Thị trấn Tây Yên Tử"),
            record("credit_loan", 2, commune_name="Phường 1", household_code=None),
        ],
    )
    report = only(read(write_xlsx(tmp_path / "a.xlsx", rows), "nhcsxh", "2023-Q4"))
    assert report.rows["commune_code"].to_list() == ["07616", None]
    assert len(report.unread["expected_vi"][0]) < 500


# --- rows that are no data ---


def test_every_filled_row_is_data_or_said_to_be_none(tmp_path: Path) -> None:
    data = table("household_review", [record("household_review", number) for number in (1, 2)])
    rows: Cells = [
        ["UBND HUYỆN SƠN ĐỘNG"],
        [],
        ["DANH SÁCH HỘ NGHÈO NĂM 2022"],
        data[0],
        list(range(1, len(data[0]) + 1)),
        ["Xã An Lạc"],
        *data[1:],
        [],
        ["Tổng cộng", *[None] * (len(data[0]) - 1)],
        ["NGƯỜI LẬP BIỂU"],
    ]
    report = only(read(write_xlsx(tmp_path / "a.xlsx", rows)))
    assert (report.row_count, report.other_row_count, report.layout) == (2, 7, "")


def test_a_row_of_nothing_but_errors_is_data(tmp_path: Path) -> None:
    """It holds no value, yet the sender filled it: it must not vanish."""
    rows = table("household_review", [record("household_review")])
    rows.append([None, None, "#REF!", None, "#DIV/0!"])
    path = write_xlsx(tmp_path / "a.xlsx", rows)
    workbook = openpyxl.load_workbook(path)
    for cell in workbook.active[3]:
        if cell.value is not None:
            cell.data_type = "e"
    workbook.save(path)
    report = only(read(path))
    assert (report.row_count, report.other_row_count) == (2, 1)
    assert set(report.unread["value"]) == {"#REF!", "#DIV/0!"}


def test_the_first_sheet_of_an_answer_is_skipped(tmp_path: Path) -> None:
    ours: Cells = [[f"{MARK} ngày 01/01/2023"], ["Ô", "Cột", "Sai ở đâu"], ["B2", "Mã hộ", "…"], ["B3", "Mã hộ", "…"]]
    sheets = {FIRST_SHEET: ours, "Sheet1": table("household_review", [record("household_review")])}
    report = only(read(write_xlsx(tmp_path / "a.xlsx", sheets)))
    assert (report.sheet_names, report.row_count, report.other_row_count) == (["Sheet1"], 1, 1)


# --- communes told by lines above their rows ---


def in_sections(tmp_path: Path, *lines: str | None, **options: Any) -> Path:
    """A list without a column of communes: a line, then one household, and so on."""
    without = ["commune_code", "commune_name"]
    rows = table("household_review", [], without=without)
    for number, text in enumerate(lines, start=1):
        if text is not None:
            rows.append([text])
        rows += table("household_review", [record("household_review", number)], without=without)[1:]
    return write_xlsx(tmp_path / "a.xlsx", rows, **options)


def test_a_commune_told_by_a_line_above_its_households(tmp_path: Path) -> None:
    report = only(read(in_sections(tmp_path, "I. Xã Vân Sơn", None, "Thôn Đồng Bài", "XÃ AN LẠC: 1 hộ")))
    assert rules(report) == []
    assert report.unread.is_empty()
    assert report.rows.select("commune_name", "commune_code").rows() == [
        ("Xã Vân Sơn", "07621"),
        ("Xã Vân Sơn", "07621"),
        ("Xã Vân Sơn", "07621"),
        ("XÃ AN LẠC", "07645"),
    ]
    assert (report.row_count, report.other_row_count) == (4, 4)


def test_households_above_the_first_line_have_no_commune(tmp_path: Path) -> None:
    report = only(read(in_sections(tmp_path, None, "Xã Vân Sơn")))
    assert report.rows["commune_code"].to_list() == [None, "07621"]


def test_a_line_that_names_no_commune_of_the_sender(tmp_path: Path) -> None:
    report = only(read(in_sections(tmp_path, "Xã Đồng Tân")))
    assert report.rows["commune_name"].to_list() == ["Xã Đồng Tân"]
    unread = report.unread.select("row_number", "column_name", "cell", "rule", "value").rows()
    assert unread == [(3, "commune_code", None, "unknown_code", "Xã Đồng Tân")]


def test_lines_that_name_no_commune_leave_the_column_missing(tmp_path: Path) -> None:
    assert rules(only(read(in_sections(tmp_path, "Thôn Đồng Bài", "Thôn Lái")))) == ["missing_column"]


# --- numbers, dates and marks as issue 3 names them ---


@pytest.mark.parametrize(
    ("heading", "line", "written", "dong"),
    [
        ("Số tiền hỗ trợ (đồng)", None, "1.250.000", 1_250_000),
        ("Số tiền hỗ trợ (nghìn đồng)", None, "1.250,5", 1_250_500),
        ("Số tiền hỗ trợ (triệu đồng)", None, "1,25", 1_250_000),
        ("Số tiền hỗ trợ (triệu đồng)", None, "1.25", 1_250_000),
        ("Số tiền hỗ trợ (triệu đồng)", None, 1.25, 1_250_000),
        ("Số tiền hỗ trợ (tỷ đồng)", None, "0,00125", 1_250_000),
        ("Số tiền hỗ trợ", "Đơn vị tính: đồng", "1.250.000", 1_250_000),
        ("Số tiền hỗ trợ", "Đơn vị tính: nghìn đồng", 1250, 1_250_000),
        ("Số tiền hỗ trợ", "ĐVT: triệu đồng", "1,25", 1_250_000),
        ("Số tiền hỗ trợ", "Đơn vị tính: tỷ đồng", 0.00125, 1_250_000),
        ("Số tiền hỗ trợ (đồng)", "Đơn vị tính: triệu đồng", 1_250_000, 1_250_000),
        ("Số tiền hỗ trợ", None, "(1.000)", -1_000),
        ("Số tiền hỗ trợ", None, "56.0", 56),
        ("Số tiền hỗ trợ", None, "1 250 000 đ", 1_250_000),
    ],
)
def test_amounts(heading: str, line: str | None, written: Any, dong: int, tmp_path: Path) -> None:
    rows = table("support_delivery", [record("support_delivery", amount=written)], headings={"amount": heading})
    path = write_xlsx(tmp_path / "a.xlsx", [[line], *rows] if line else rows)
    report = only(read(path, "sxd", "2023-Q2", province="24"))
    assert report.unread.is_empty()
    assert report.rows["amount"].to_list() == [Decimal(dong)]


def test_an_amount_that_may_be_two_is_told_with_both(tmp_path: Path) -> None:
    headings = {"amount": "Số tiền hỗ trợ (triệu đồng)"}
    rows = table("support_delivery", [record("support_delivery", amount="1.250")], headings=headings)
    report = only(read(write_xlsx(tmp_path / "a.xlsx", rows), "sxd", "2023-Q2", province="24"))
    assert report.rows["amount"].to_list() == [None]
    ((value, vi, en),) = report.unread.select("value", "expected_vi", "expected_en").rows()
    assert value == "1.250"
    assert "1,250 hay 1.250" in vi
    assert "1.250 or 1250" in en


@pytest.mark.parametrize(
    ("written", "day", "precision"),
    [
        ("11/02/1984", date(1984, 2, 11), "day"),
        ("11-2-1984", date(1984, 2, 11), "day"),
        (30723, date(1984, 2, 11), "day"),
        ("30723", date(1984, 2, 11), "day"),
        (1984, date(1984, 1, 1), "year"),
        ("1984", date(1984, 1, 1), "year"),
        ("02/1984", date(1984, 2, 1), "month"),
    ],
)
def test_dates(written: Any, day: date, precision: str, tmp_path: Path) -> None:
    report = only(read(households(tmp_path, record("household_review", head_birth_date=written))))
    assert report.unread.is_empty()
    assert report.rows.select("head_birth_date", "head_birth_date_precision").rows() == [(day, precision)]


def test_a_bare_year_where_none_is_allowed(tmp_path: Path) -> None:
    rows = table("support_delivery", [record("support_delivery", delivered_on=2023)])
    report = only(read(write_xlsx(tmp_path / "a.xlsx", rows), "sxd", "2023-Q2", province="24"))
    assert report.unread.select("column_name", "value").rows() == [("delivered_on", "2023")]


@pytest.mark.parametrize("written", ["1.23E+11", "1,23E+11", "1.23457e+11", 123_000_000_000, 123_457_000_000])
def test_a_national_id_that_lost_its_digits(written: Any, tmp_path: Path) -> None:
    report = only(read(households(tmp_path, record("household_review", head_national_id=written))))
    assert report.rows["head_national_id"].to_list() == [None]
    assert report.unread.select("column_name", "rule").rows() == [("head_national_id", "unreadable_cell")]


@pytest.mark.parametrize(
    ("written", "expected"),
    [(24_184_231_077, "024184231077"), ("024184231077", "024184231077"), ("24184231077.0", "024184231077")],
)
def test_a_national_id_that_kept_them(written: Any, expected: str, tmp_path: Path) -> None:
    report = only(read(households(tmp_path, record("household_review", head_national_id=written))))
    assert report.unread.is_empty()
    assert report.rows["head_national_id"].to_list() == [expected]


@pytest.mark.parametrize("mark", ["x", "X", 1, "1.0", "có", "v", "✓", "+", "*", "TRUE", True])
def test_marks_for_yes(mark: Any, tmp_path: Path) -> None:
    report = only(read(households(tmp_path, record("household_review", dep_water=mark))))
    assert report.rows["dep_water"].to_list() == [True]


@pytest.mark.parametrize("mark", [None, "", "không", 0, "0", "-", "--", False])
def test_marks_for_no(mark: Any, tmp_path: Path) -> None:
    report = only(read(households(tmp_path, record("household_review", dep_water=mark))))
    assert report.rows["dep_water"].to_list() == [False]


@pytest.mark.parametrize("mark", ["?", "2", "o", "chưa rõ"])
def test_marks_that_may_be_either(mark: str, tmp_path: Path) -> None:
    report = only(read(households(tmp_path, record("household_review", dep_water=mark))))
    assert report.rows["dep_water"].to_list() == [None]
    assert report.unread.select("column_name", "value").rows() == [("dep_water", mark)]
