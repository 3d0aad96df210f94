"""What an answer says, where it is put, and the copy that stands for files of other formats."""

import io
import zipfile
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import openpyxl
import polars as pl
import pytest
from workbooks import assert_valid

from ingestion.answer import answer_names
from ingestion.answering.content import Content, JudgedReport, Point, example_of, note_of, sentence, written
from ingestion.answering.copy_out import copied
from ingestion.answering.package import mark
from ingestion.contract import load_contracts
from ingestion.finding import Severity
from ingestion.reading.sheet import Sheet, typed_columns


def report(verdict: str, rows: int = 1200, held: int = 0) -> JudgedReport:
    return JudgedReport("Danh sách hộ", "List", ("Sheet1",), verdict, rows, held)


def point(severity: Severity, **fields: Any) -> Point:
    usual = {"rule_id": "X", "message_vi": "sai", "message_en": "wrong", "action_vi": "sửa"}
    return Point(severity=severity, **(usual | fields))


def content(*reports: JudgedReport, points: tuple[Point, ...] = ()) -> Content:
    return Content("sxd", "2023-Q2", "a.csv", datetime(2024, 1, 1, tzinfo=UTC), reports, points)


@pytest.mark.parametrize(
    ("told", "vietnamese", "english"),
    [
        (content(report("accepted")), "ĐÃ ĐƯỢC CHẤP NHẬN: cả 1.200 dòng", "all 1,200 rows"),
        (
            content(report("accepted_with_findings", held=3), points=(point("critical"), point("warning"))),
            "1.197 trong 1.200 dòng",
            "1,197 of 1,200",
        ),
        (content(report("rejected", held=700), points=(point("reject"),)), "KHÔNG ĐƯỢC CHẤP NHẬN", "Rejected"),
        (content(report("accepted"), report("rejected"), points=(point("reject"),)), "MỘT PHẦN", "in part"),
        (content(report("accepted"), report("accepted")), "cả 2 báo cáo", "all 2 reports"),
    ],
)
def test_the_verdict_is_one_sentence(told: Content, vietnamese: str, english: str) -> None:
    said = sentence(told)
    assert vietnamese in said[0]
    assert english in said[1]


def test_several_findings_of_a_cell_are_one_note() -> None:
    note = note_of([point("warning", message_vi=f"sai {number}") for number in range(7)])
    text = "\n".join(paragraph.text for paragraph in note)
    assert text.count("CẦN XEM LẠI") == 5
    assert "còn 2 điểm khác" in text


def test_every_column_has_an_example_that_its_contract_allows() -> None:
    for contract in load_contracts().values():
        for column in contract.columns:
            example = example_of(column)
            assert example or column.type == "text"
            if column.codes is not None:
                assert column.codes.find(example) is not None


def test_values_are_shown_as_senders_write_them() -> None:
    columns = load_contracts()["household_review"].columns
    income = next(column for column in columns if column.type == "amount")
    sex = next(column for column in columns if column.name == "head_sex")
    assert written(1_250_000, income) == "1.250.000"
    assert written("female", sex) == "Nữ"
    assert written(None, sex) == "(trống)"


def test_answers_have_safe_names_each_once() -> None:
    names = answer_names(
        [
            "a.csv", "a.csv.xlsx", "A.CSV", "b.xlsx", "../../etc/passwd", "x.zip/..", "x.zip/c:\\d?.xls", "CON.xlsx",
            "z.xlsx/in.csv", "z.xlsx", "  .xlsx", "y" * 300 + ".xlsx", "tre\u0302\u0300.xlsm",
        ]
    )  # fmt: skip
    assert names["a.csv"] == PurePosixPath("a.csv.xlsx")
    assert names["a.csv.xlsx"] == PurePosixPath("a.csv (2).xlsx")
    assert names["A.CSV"] == PurePosixPath("A.CSV (3).xlsx")
    assert names["b.xlsx"] == PurePosixPath("b.xlsx")
    assert names["../../etc/passwd"] == PurePosixPath("etc/passwd.xlsx")
    assert names["x.zip/c:\\d?.xls"] == PurePosixPath("x.zip/c__d_.xls.xlsx")
    assert names["trề.xlsm".replace("ề", "e\u0302\u0300")] == PurePosixPath("trề.xlsm")
    keys = [str(name).casefold() for name in names.values()]
    assert len(set(keys)) == len(names)
    folders = {str(folder).casefold() for name in names.values() for folder in name.parents}
    assert not folders & set(keys)
    for name in names.values():
        assert not name.is_absolute()
        assert ".." not in name.parts
        assert all(0 < len(part.encode()) < 200 for part in name.parts)


def sheet(rows: list[list[object]], name: str = "", **fields: object) -> Sheet:
    return Sheet(
        name=name,
        columns=typed_columns(iter(rows)),
        row_numbers=pl.Series(range(1, len(rows) + 1), dtype=pl.Int32),
        **fields,  # type: ignore[arg-type]
    )


def test_a_copy_keeps_kinds_and_addresses_and_no_text_becomes_a_formula() -> None:
    day = datetime(2023, 5, 17)  # noqa: DTZ001
    rows: list[list[object]] = [
        ["=1+1", -5.0, day, True],
        ["@cmd", 0.066, datetime(1890, 1, 1), False],  # noqa: DTZ001
        ["-7", 24155715129.0, "", ""],
        ["\tx", 123456789012.0, "+84 91", ""],
    ]
    told = content(report("accepted_with_findings"), points=(point("critical", cell="C3", sheet_name="a/b"),))
    workbook, placed = copied([sheet(rows, "a/b", first_column=1)], told)
    assert placed.points[0].sheet_name == "a_b"
    answer = mark(workbook, placed)
    assert_valid(answer)
    cells = openpyxl.load_workbook(io.BytesIO(answer))["a_b"]
    assert [cells.cell(row, 2).value for row in range(1, 5)] == ["=1+1", "@cmd", "-7", "x"]
    assert [cells.cell(row, 2).data_type for row in range(1, 5)] == ["s"] * 4
    assert [cells.cell(row, 3).value for row in range(1, 5)] == [-5, 0.066, 24155715129, 123456789012]
    assert cells["D1"].value == day
    assert cells["D2"].value == "01/01/1890"
    assert cells["E1"].value is True
    assert cells["C3"].comment is not None


def test_a_copy_of_objects_places_its_points_by_heading() -> None:
    rows: list[list[object]] = [["ma", "Số tiền"], ["1", 2.0], ["2", 3.0]]
    objects = Sheet("", typed_columns(iter(rows)), pl.Series([0, 1, 2], dtype=pl.Int32), has_letters=False)
    told = content(
        report("accepted"),
        points=(point("critical", row_number=2, headings=("Số tiền", "amount")), point("warning", row_number=1)),
    )
    _, placed = copied([objects], told)
    assert [each.cell for each in placed.points] == ["B3", "A2"]


def test_a_copy_that_is_written_out_as_it_comes_is_marked_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.answering.copy_out._MANY_CELLS", 10)
    rows: list[list[object]] = [[f"{row}", float(row), "x"] for row in range(100)]
    told = content(report("accepted"), points=(point("critical", cell="B90"), point("warning", cell="F1")))
    workbook, placed = copied([sheet(rows)], told)
    answer = mark(workbook, placed)
    assert_valid(answer)
    marked = openpyxl.load_workbook(io.BytesIO(answer))["Dữ liệu"]
    assert [marked[cell].comment is not None for cell in ("B90", "F1", "B91")] == [True, True, False]
    assert marked["B90"].value == 89


def test_sheets_of_one_name_or_none_are_told_apart() -> None:
    sheets = [sheet([["x"]], name) for name in ("Cần sửa", "cần sửa", "", "a" * 40, "a" * 41)]
    workbook, _ = copied(sheets, content(report("accepted")))
    names = openpyxl.load_workbook(io.BytesIO(workbook)).sheetnames
    assert names == ["Cần sửa (2)", "cần sửa (3)", "Dữ liệu", "a" * 31, "a" * 27 + " (2)"]


def test_a_copy_bears_the_instant_at_which_the_report_came() -> None:
    """Not of the writing: written again after a kill it has the same bytes."""
    told = content(report("accepted"))
    workbook, _ = copied([], told)
    with zipfile.ZipFile(io.BytesIO(workbook)) as package:
        core = package.read("docProps/core.xml").decode()
    assert core.count(f"{told.received_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}") == 2
