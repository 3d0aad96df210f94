"""Files and reports that are wrong as a whole: refused for exactly the reason, and never by an exception."""

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from province_maker import Province, Row
from report_maker import Grid, Manner, lay_out, records, write_csv, write_json, write_xlsx

from ingestion.read import Report, read_file

DATASETS = ["household_review", "commune_profile", "support_delivery", "credit_loan"]
SENDERS = {
    "household_review": "huyen-043",
    "commune_profile": "huyen-043",
    "support_delivery": "sxd",
    "credit_loan": "nhcsxh",
}
PERIODS = {
    "household_review": "2022",
    "commune_profile": "2022",
    "support_delivery": "2022-Q3",
    "credit_loan": "2022-Q3",
}


def rows_of(dataset: str) -> list[Row]:
    home, period = Province("04"), PERIODS[dataset]
    places = home.of("huyen-043", period)[:3]
    return {
        "household_review": lambda: home.households(places, 2022),
        "commune_profile": lambda: home.profiles(places, 2022),
        "support_delivery": lambda: home.supports(places, period, "sxd"),
        "credit_loan": lambda: home.loans(places, period),
    }[dataset]()


def grid_of(dataset: str, manner: Manner | None = None, title: str = "") -> Grid:
    standard = "2021-2025" if dataset == "household_review" else ""
    return lay_out(dataset, rows_of(dataset), manner or Manner(), standard=standard, title=title)


def read(
    path: Path, dataset: str, *, sender: str = "", period: str = "", today: date = date(2026, 6, 1)
) -> list[Report]:
    return read_file(
        path,
        sender_code=sender or SENDERS[dataset],
        period_code=period or PERIODS[dataset],
        province="04",
        today=today,
    )


def assert_refused(reports: list[Report], *rules: str) -> None:
    """One report, refused by these rules alone, without rows."""
    [report] = reports
    assert sorted(finding.rule for finding in report.findings if finding.severity == "reject") == sorted(rules)
    assert all(finding.message_vi and finding.message_en for finding in report.findings)
    assert report.is_rejected
    assert report.row_count == 0


# --- no file to read -------------------------------------------------------------------------------------------------


def ole(stream: str) -> bytes:
    """The beginning of an OLE file that names a stream, as an encrypted workbook or an old Word file does."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + stream.encode("utf-16-le") + bytes(1024)


def zipped(entries: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return target.getvalue()


def workbook_bytes(path: Path) -> bytes:
    return write_xlsx(path, {"Sheet1": grid_of("commune_profile")}).read_bytes()


def bomb(whole: bytes) -> bytes:
    """A workbook whose sheet unfolds to 300 MB."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            archive.writestr(name, bytes(300_000_000) if "sheet1" in name else source.read(name))
    return target.getvalue()


BAD_FILES: Mapping[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "blank": lambda whole: b" \r\n\t\r\n",
    "cut in half": lambda whole: whole[: len(whole) // 2],
    "last byte lost": lambda whole: whole[:-100],
    "damaged inside": lambda whole: whole[:2000] + bytes(400) + whole[2400:],
    "password": lambda whole: ole("EncryptedPackage"),
    "old Word": lambda whole: ole("WordDocument"),
    "broken xls": lambda whole: ole("Workbook"),
    "zip bomb": bomb,
    "docx": lambda whole: zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w:document/>"}),
    "zip of pictures": lambda whole: zipped({"a.png": b"\x89PNG", "b.png": b"\x89PNG"}),
    "html": lambda whole: b"<html><body><p>Not found</p></body></html>",
    "html after a blank": lambda whole: "\ufeff\n <!DOCTYPE html>\n<table></table>".encode(),
    "pdf": lambda whole: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "picture": lambda whole: b"\x89PNG\r\n\x1a\n" + bytes(200),
    "random bytes": lambda whole: bytes((i * i * 37 + i * 11) % 256 for i in range(5000)),
    "zeros": lambda whole: bytes(5000),
    "broken json": lambda whole: b'[{"commune_code": "01267", ',
    "json twice the key": lambda whole: b'[{"commune_code": "01267", "commune_code": "01270"}]',
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_FILES)
def test_what_cannot_be_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "báo cáo.xlsx"
    path.write_bytes(BAD_FILES[kind](workbook_bytes(tmp_path / "whole.xlsx")))
    assert_refused(read(path, "commune_profile"), "unreadable_file")


def test_every_truncation_is_told(tmp_path: Path) -> None:
    whole, path = workbook_bytes(tmp_path / "whole.xlsx"), tmp_path / "f.xlsx"
    for size in range(100, len(whole) - 22, max(1, len(whole) // 40)):
        path.write_bytes(whole[:size])
        assert_refused(read(path, "commune_profile"), "unreadable_file")


def test_noise_never_raises(tmp_path: Path) -> None:
    whole, path = bytearray(workbook_bytes(tmp_path / "whole.xlsx")), tmp_path / "f.xlsx"
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        noisy = bytearray(whole)
        noisy[at : at + 8] = os.urandom(8)
        path.write_bytes(noisy)
        assert read(path, "commune_profile")


@pytest.mark.parametrize("content", ["Xin chào", "a;b;c\n1;2;3\n4;5;6\n", '{"a": 1}', "[1, 2, 3]", "[]", "{}"])
def test_what_is_no_report(content: str, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(content, encoding="utf-8")
    [report] = read(path, "commune_profile")
    assert report.dataset is None
    assert [finding.rule for finding in report.findings] in (["not_recognised"], ["unreadable_file"])


# --- a report, but not this one --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_form_that_was_not_filled_in(dataset: str, tmp_path: Path) -> None:
    grid = grid_of(dataset, Manner(letterhead=True, number_row=True, stt=True, footer=True, total="bottom"))
    grid.rows = [line for number, line in enumerate(grid.rows, start=1) if number not in grid.lines]
    assert_refused(read(write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid}), dataset), "no_rows")


@pytest.mark.parametrize(
    ("dataset", "column"),
    [
        ("household_review", "class_reported"),
        ("household_review", "dep_toilet"),
        ("household_review", "household_code"),
        ("household_review", "has_temporary_house"),
        ("commune_profile", "population"),
        ("commune_profile", "is_safe_zone"),
        ("support_delivery", "status"),
        ("support_delivery", "policy_code"),
        ("credit_loan", "loan_id"),
        ("credit_loan", "outstanding"),
    ],
)
@pytest.mark.parametrize("kind", ["xlsx", "csv", "json"])
def test_a_required_column_that_is_not_there(dataset: str, column: str, kind: str, tmp_path: Path) -> None:
    manner = Manner(without=frozenset({column}), dates="iso" if kind != "xlsx" else "native")
    path = tmp_path / f"f.{kind}"
    if kind == "json":
        standard = "2021-2025" if dataset == "household_review" else ""
        write_json(path, records(dataset, rows_of(dataset), manner, standard))
    elif kind == "csv":
        write_csv(path, grid_of(dataset, manner))
    else:
        write_xlsx(path, {"Biểu": grid_of(dataset, manner)})
    reports = read(path, dataset)
    assert_refused(reports, "missing_column")
    assert reports[0].dataset == dataset


def test_code_and_name_of_the_commune_both_missing(tmp_path: Path) -> None:
    grid = grid_of("household_review", Manner(without=frozenset({"commune_code", "commune_name"})))
    assert_refused(read(write_xlsx(tmp_path / "f.xlsx", {"DS": grid}), "household_review"), "missing_column")


@pytest.mark.parametrize(
    ("dataset", "title"),
    [
        ("household_review", "Năm 2021"),
        ("household_review", "Kỳ báo cáo: Năm 2023"),
        ("commune_profile", "NĂM 2020"),
        ("support_delivery", "Quý II năm 2022"),
        ("support_delivery", "Quý 3/2021"),
        ("credit_loan", "QUÝ IV NĂM 2022"),
        ("credit_loan", "Kỳ báo cáo: Quý III năm 2023"),
    ],
)
def test_a_title_of_another_period(dataset: str, title: str, tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid_of(dataset, title=title)})
    assert_refused(read(path, dataset), "wrong_period")


@pytest.mark.parametrize(
    ("dataset", "period"),
    [
        ("household_review", "2022-Q4"),
        ("household_review", "2022-S1"),
        ("commune_profile", "2022-13"),
        ("commune_profile", "nam 2022"),
        ("support_delivery", "2022"),
        ("credit_loan", "2022-S2"),
        ("credit_loan", "2022-Q5"),
    ],
)
def test_a_period_of_another_cadence_or_none(dataset: str, period: str, tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid_of(dataset)})
    assert_refused(read(path, dataset, period=period), "wrong_period")


def test_a_period_that_is_not_over(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid_of("credit_loan")})
    assert_refused(read(path, "credit_loan", today=date(2022, 9, 29)), "wrong_period")
    assert not read(path, "credit_loan", today=date(2022, 9, 30))[0].is_rejected


@pytest.mark.parametrize(
    ("dataset", "sender"),
    [
        ("household_review", "sldtbxh"),
        ("household_review", "huyen-999"),
        ("household_review", "xa-01267"),
        ("commune_profile", "nhcsxh"),
        ("commune_profile", "huyen-43"),
        ("support_delivery", "huyen-043"),
        ("support_delivery", "abc"),
        ("credit_loan", "sxd"),
        ("credit_loan", "huyen-043"),
        ("credit_loan", "NHCSXH "),
    ],
)
def test_a_sender_who_does_not_send_it(dataset: str, sender: str, tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid_of(dataset)})
    assert_refused(read(path, dataset, sender=sender), "wrong_sender")


# --- what only warns -------------------------------------------------------------------------------------------------


def warned(path: Path, dataset: str) -> list[tuple[str, str | None, Any]]:
    [report] = read(path, dataset)
    assert report.row_count == len(rows_of(dataset))
    assert {finding.severity for finding in report.findings} == {"warning"}
    return [(finding.rule, finding.cell, finding.value) for finding in report.findings]


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_column_of_no_data_set(dataset: str, tmp_path: Path) -> None:
    grid = grid_of(dataset)
    for line in grid.rows:
        line.append("Cán bộ phụ trách" if line is grid.rows[0] else "Nông Văn A")
    cell = f"{chr(64 + len(grid.rows[0])) if len(grid.rows[0]) <= 26 else 'A' + chr(38 + len(grid.rows[0]))}1"
    path = write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid})
    assert warned(path, dataset) == [("unknown_heading", cell, "Cán bộ phụ trách")]


def test_a_column_that_stands_twice(tmp_path: Path) -> None:
    grid = grid_of("commune_profile")
    for line in grid.rows:
        line.append(line[3])
    assert warned(write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid}), "commune_profile") == [
        ("unknown_heading", "U1", "Dân số")
    ]


@pytest.mark.parametrize(
    "manner", [Manner(total="bottom"), Manner(total="top"), Manner(subtotals=True), Manner(stt=True, total="top")]
)
def test_a_total_that_is_not_the_sum(manner: Manner, tmp_path: Path) -> None:
    grid = grid_of("credit_loan", manner)
    column = next(index for index, label in enumerate(grid.rows[0]) if str(label).startswith("Tổng dư nợ"))
    row = next(i for i, line in enumerate(grid.rows[1:], 2) if i not in grid.lines and line[column] is not None)
    grid.rows[row - 1][column] += 1
    path = write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid})
    wrong = str(grid.rows[row - 1][column])
    assert warned(path, "credit_loan") == [("total_mismatch", f"{chr(65 + column)}{row}", wrong)]
