"""Reports of provinces, years and layouts that no sample shows are read to the last cell.

The truth comes from `report_maker`; each test writes it as some office would and reads it back.
"""

import json
import random
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from province_maker import Commune, Province, Row, communes, standards
from report_maker import (
    Grid,
    Manner,
    any_manner,
    any_title,
    csv_lines,
    lay_out,
    records,
    truth,
    write_csv,
    write_json,
    write_xlsx,
)

from ingestion.read import Report, read_file

TODAY = date(2026, 6, 1)
YEARS = [
    ("04", "2013"), ("37", "2014"), ("37", "2015"), ("04", "2015"), ("79", "2018"), ("04", "2020"), ("04", "2021"),
    ("01", "2021"), ("37", "2022"), ("67", "2023"), ("66", "2024"), ("04", "2025"), ("24", "2025"), ("37", "2026"),
]  # fmt: skip
QUARTERS = [("04", "2022-Q1"), ("67", "2019-Q4"), ("37", "2025-Q2"), ("04", "2025-Q3"), ("24", "2025-Q4")]


def read(path: Path, sender: str, period: str, province: str | None = None) -> list[Report]:
    return read_file(path, sender_code=sender, period_code=period, province=province, today=date(2027, 6, 1))


def assert_holds(report: Report, rows: Sequence[Row], lines: Sequence[int], *, surplus: str = "") -> None:
    """The report holds exactly these rows, from these lines, and nothing was found but a surplus column."""
    found = [finding for finding in report.findings if finding.value != surplus or finding.rule != "unknown_heading"]
    assert [(finding.rule, finding.cell, finding.message_en) for finding in found] == []
    assert report.unread.to_dicts() == []
    got = report.rows.drop("sheet_name").to_dicts()
    assert [row.pop("row_number") for row in got] == list(lines)
    assert [diff for want, have in zip(rows, got, strict=True) for diff in differences(want, have)] == []


def differences(want: Row, have: Row) -> Iterable[tuple[str, Any, Any]]:
    return [(name, value, have[name]) for name, value in want.items() if have[name] != value]


def made(dataset: str, province: str, period: str, seed: int, standard: str = "") -> tuple[str, list[Row]]:
    """A sender and its true rows."""
    chance, home = random.Random(seed), Province(province, seed)  # noqa: S311 - made-up figures
    if dataset in ("household_review", "commune_profile"):
        sender = chance.choice(home.senders(period))
        places = home.of(sender, period)[:5]
        if dataset == "commune_profile":
            return sender, home.profiles(places, int(period))
        return sender, home.households(places, int(period), standard, per_commune=3 if len(places) > 3 else 12)
    places = home.communes(period)
    if dataset == "credit_loan":
        return "nhcsxh", home.loans(places, period)
    sender = chance.choice(("sldtbxh", "bhxh", "sxd", "stc", "nhcsxh"))
    return sender, home.supports(places, period, sender)


@pytest.mark.parametrize("seed", range(48))
@pytest.mark.parametrize("dataset", ["household_review", "commune_profile", "support_delivery", "credit_loan"])
def test_any_office(dataset: str, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)  # noqa: S311 - made-up figures
    kind = ("xlsx", "csv", "xlsx", "json", "xlsx")[seed % 5]
    manner = any_manner(seed, kind)
    annual = dataset in ("household_review", "commune_profile")
    province, period = (YEARS if annual else QUARTERS)[seed % (len(YEARS) if annual else len(QUARTERS))]
    standard = chance.choice(standards(int(period))) if dataset == "household_review" else ""
    sender, rows = made(dataset, province, period, seed, standard)
    title = any_title(chance, period)
    if kind == "json":
        shape = chance.choice(("array", "wrapped", "lines"))
        path = write_json(tmp_path / "f.json", records(dataset, rows, manner, standard), shape)
        lines = list(range(1, len(rows) + 1))
    else:
        grid = lay_out(dataset, rows, manner, standard=standard, title=title)
        if kind == "csv":
            path = write_csv(
                tmp_path / "f.csv",
                grid,
                delimiter=chance.choice(";,\t|"),
                encoding=chance.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le")),
                newline=chance.choice(("\n", "\r\n")),
            )
            lines = csv_lines(grid)
        else:
            path, lines = write_xlsx(tmp_path / "f.xlsx", {"Sheet1": grid}), grid.lines
    [report] = read(path, sender, period, province)
    assert (report.dataset, report.standard_code) == (dataset, standard)
    assert_holds(report, truth(rows, manner), lines, surplus="Cán bộ phụ trách")
    if kind == "xlsx":
        assert {row["column_name"]: row["column_letter"] for row in report.positions.to_dicts()} == grid.letters


@pytest.mark.parametrize(
    ("province", "year", "standard", "deprivations"),
    [
        ("04", "2013", "2011-2015", 0),
        ("37", "2015", "2011-2015", 0),
        ("37", "2015", "2016-2020", 10),
        ("04", "2017", "2016-2020", 10),
        ("04", "2021", "2016-2020", 10),
        ("04", "2021", "2021-2025", 12),
        ("04", "2024", "2021-2025", 12),
        ("04", "2025", "2021-2025", 12),
        ("04", "2026", "2021-2025", 12),
    ],
)
@pytest.mark.parametrize("numbered", [False, True], ids=["named", "numbered"])
def test_the_standard_is_told_by_the_deprivations(
    province: str, year: str, standard: str, deprivations: int, numbered: bool, tmp_path: Path
) -> None:
    sender, rows = made("household_review", province, year, 7, standard)
    manner = Manner(depth=2, numbered_deprivations=numbered, number_row=True, stt=True)
    grid = lay_out("household_review", rows, manner, standard=standard, title=f"Năm {year}")
    [report] = read(write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid}), sender, year)
    assert report.standard_code == standard
    assert_holds(report, rows, grid.lines)
    filled = [name for name in report.rows.columns if name.startswith("dep_") and report.rows[name].null_count() == 0]
    assert len(filled) == deprivations


def test_two_standards_of_a_year_in_one_workbook_are_two_reports(tmp_path: Path) -> None:
    home = Province("04")
    sender = home.senders("2021")[0]
    old, new = (home.households(home.of(sender, "2021"), 2021, standard) for standard in standards(2021))
    grids = {
        name: lay_out("household_review", rows, Manner(depth=2), standard=standard)
        for name, rows, standard in (("Chuẩn cũ", old, "2016-2020"), ("Chuẩn mới", new, "2021-2025"))
    }
    reports = read(write_xlsx(tmp_path / "f.xlsx", grids), sender, "2021")
    assert [report.standard_code for report in reports] == ["2016-2020", "2021-2025"]
    assert_holds(reports[0], old, grids["Chuẩn cũ"].lines)
    assert_holds(reports[1], new, grids["Chuẩn mới"].lines)


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["full", "bare", "short", "upper", "variant"])
@pytest.mark.parametrize(
    ("province", "year"),
    [("04", "2019"), ("01", "2022"), ("67", "2022"), ("66", "2024"), ("79", "2018"), ("24", "2025"), ("79", "2025")],
)
def test_communes_by_name_alone(province: str, year: str, names: str, tmp_path: Path) -> None:
    """Every commune of the first district (or of ten communes that report for themselves) is found by its name."""
    home, manner = Province(province), Manner(places="name", names=names)
    senders = home.senders(year)
    for sender in senders[:1] if senders[0].startswith("huyen") else senders[:10]:
        places = [place for place in home.of(sender, year) if names != "bare" or is_told_by_its_name(place, year)]
        rows = home.households(places, int(year), per_commune=1)
        grid = lay_out("household_review", rows, manner, standard=standards(int(year))[-1])
        [report] = read(write_xlsx(tmp_path / "f.xlsx", {"DS": grid}), sender, year)
        assert_holds(report, truth(rows, manner), grid.lines)


def is_told_by_its_name(place: Commune, year: str) -> bool:
    """No other commune of the district differs from it by its kind alone."""
    proper = place.name.split(" ", 1)[1].removeprefix("trấn ")
    others = [c for c in communes(place.code[:0] or PROVINCE_OF[place.sender], f"{year}-12-31") if c != place]
    return not any(c.sender == place.sender and c.name.endswith(f" {proper}") for c in others)


PROVINCE_OF = {
    place.sender: province
    for province in ("04", "01", "67", "66", "79", "24")
    for day in ("2018-12-31", "2025-12-31")
    for place in communes(province, day)
}


def test_a_name_that_several_districts_have_is_told_by_what_else_is_known(tmp_path: Path) -> None:
    """Cao Bằng has communes of one name in several districts; the household's code or the bank's office tells which."""
    home = Province("04")
    places = home.communes("2024-Q3")
    twins = [place for place in places if sum(other.name == place.name for other in places) > 1]
    assert twins
    by_code = home.loans(twins, "2024-Q3", count=20)
    by_office = [{**row, "loan_id": f"B{row['loan_id']}", "household_code": None} for row in by_code]
    rows = by_code + by_office
    grid = lay_out("credit_loan", rows, Manner(numbers="vi", dates="%d/%m/%Y"))
    [report] = read(write_xlsx(tmp_path / "f.xlsx", {"Sao kê": grid}), "nhcsxh", "2024-Q3", "04")
    assert_holds(report, rows, grid.lines)


def test_codes_that_lost_their_zeros(tmp_path: Path) -> None:
    home = Province("04")
    rows = home.profiles(home.of("huyen-043", "2022"), 2022)
    for numbers in ("native", "plain"):
        grid = lay_out("commune_profile", rows, Manner(lost_zeros=True, numbers=numbers))
        [report] = read(write_xlsx(tmp_path / "f.xlsx", {"Sheet1": grid}), "huyen-043", "2022")
        assert_holds(report, rows, grid.lines)


def test_2025_is_reported_by_districts_for_the_first_half_and_by_communes_for_the_year(tmp_path: Path) -> None:
    home = Province("04")
    rows = home.profiles(home.communes("2025")[:1], 2025)
    path = write_xlsx(tmp_path / "f.xlsx", {"Sheet1": lay_out("commune_profile", rows, Manner())})
    [accepted] = read(path, f"xa-{rows[0]['commune_code']}", "2025")
    assert accepted.row_count == 1
    [refused] = read(path, "huyen-042", "2025")
    assert [finding.rule for finding in refused.findings] == ["wrong_sender"]


# --- workbooks -------------------------------------------------------------------------------------------------------


def note_sheet() -> Grid:
    return Grid(rows=[["Hướng dẫn ghi biểu"], ["Cột 1: ghi mã hộ"], ["Liên hệ: phòng LĐ-TBXH"]])


def test_several_reports_notes_and_hidden_sheets_in_one_workbook(tmp_path: Path) -> None:
    home, period = Province("37"), "2022"
    sender = home.senders(period)[1]
    places = home.of(sender, period)
    households, profiles = home.households(places, 2022), home.profiles(places, 2022)
    first = lay_out("household_review", households, any_manner(3), standard="2021-2025")
    second = lay_out("commune_profile", profiles, replace(any_manner(8), places="both"))
    hidden = replace(lay_out("commune_profile", profiles[:2], Manner()), hidden=True)
    path = write_xlsx(tmp_path / "f.xlsx", {"Ghi chú": note_sheet(), "1": first, "2": second, "nháp": hidden})
    reports = read(path, sender, period)
    assert [(report.dataset, report.sheet_names) for report in reports] == [
        ("household_review", ["1"]),
        ("commune_profile", ["2"]),
    ]
    assert_holds(reports[0], truth(households, any_manner(3)), first.lines, surplus="Cán bộ phụ trách")


def test_one_data_set_over_several_sheets_is_one_report(tmp_path: Path) -> None:
    home = Province("66")
    sender = home.senders("2023")[0]
    places = home.of(sender, "2023")[:4]
    parts = {place.name[:31]: home.households([place], 2023) for place in places}
    grids = {
        name: lay_out("household_review", rows, any_manner(number, "xlsx"), standard="2021-2025")
        for number, (name, rows) in enumerate(parts.items(), start=20)
    }
    [report] = read(write_xlsx(tmp_path / "f.xlsx", grids), sender, "2023")
    assert report.sheet_names == list(parts)
    assert report.row_count == sum(map(len, parts.values()))
    assert report.rows["household_code"].to_list() == [row["household_code"] for rows in parts.values() for row in rows]
    for name, grid in grids.items():
        assert report.rows.filter(report.rows["sheet_name"] == name)["row_number"].to_list() == grid.lines


# --- text files ------------------------------------------------------------------------------------------------------


def windows_1258(text: str) -> bytes:
    """Vietnamese as old Windows writes it: a letter, then its tone as a character of its own."""
    written = []
    for letter in unicodedata.normalize("NFC", text):
        marks = unicodedata.normalize("NFD", letter)
        tones = [mark for mark in marks[1:] if mark in "\u0300\u0301\u0303\u0309\u0323"]
        base = unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in tones))
        try:
            written.append(letter.encode("cp1258"))
        except UnicodeEncodeError:
            written.append((base + "".join(tones)).encode("cp1258"))
    return b"".join(written)


def test_csv_of_old_windows(tmp_path: Path) -> None:
    sender, rows = made("household_review", "67", "2022", 5)
    manner = Manner(dates="%d/%m/%Y", numbers="vi")
    grid = lay_out("household_review", rows, manner, standard="2021-2025")
    path = write_csv(tmp_path / "f.csv", grid, encoding="utf-8")
    path.write_bytes(windows_1258(path.read_text(encoding="utf-8")))
    [report] = read(path, sender, "2022")
    assert_holds(report, rows, grid.lines)


def test_csv_with_line_breaks_in_quoted_cells_keeps_the_line_numbers(tmp_path: Path) -> None:
    sender, rows = made("household_review", "37", "2022", 5)
    rows[0]["note"] = 'Hộ mới tách\nchưa có sổ; "đang" xác minh'
    grid = lay_out("household_review", rows, Manner(dates="iso", numbers="plain"), standard="2021-2025")
    [report] = read(write_csv(tmp_path / "f.csv", grid, delimiter=","), sender, "2022")
    lines = csv_lines(grid)
    assert lines[1] == lines[0] + 2
    assert_holds(report, rows, lines)


def test_json_that_lists_its_columns_beside_its_rows(tmp_path: Path) -> None:
    sender, rows = made("commune_profile", "37", "2022", 5)
    objects = list(records("commune_profile", rows, Manner()))
    path = tmp_path / "f.json"
    path.write_text(json.dumps({"kỳ": "2022", "columns": list(objects[0]), "rows": objects}), encoding="utf-8")
    [report] = read(path, sender, "2022")
    assert_holds(report, rows, range(1, len(rows) + 1))
