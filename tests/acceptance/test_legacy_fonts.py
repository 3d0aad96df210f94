"""Whole reports typed in the fonts of before Unicode are the same reports."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from province_maker import Province
from report_maker import Grid, Manner, lay_out, write_csv, write_xlsx

from ingestion.read import Report, read_file
from ingestion.reading.legacy_text import TCVN3, VNI, LegacyCode

CODES = pytest.mark.parametrize("code", [TCVN3, VNI], ids=lambda code: code.name)


@pytest.fixture
def grid() -> Grid:
    home = Province("04")
    rows = home.households(home.of("huyen-043", "2022")[:2], 2022)
    return lay_out("household_review", rows, Manner(letterhead=True, dates="dd/mm/yyyy"), standard="2021-2025")


def typed(grid: Grid, code: LegacyCode) -> Grid:
    """As it is typed; what has no capitals in the code, in small letters."""

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return text if (text := code.encode(value)).isascii() or is_latin(text) else code.encode(value.lower())

    grid.rows = [[cell(value) for value in line] for line in grid.rows]
    return grid


def is_latin(text: str) -> bool:
    return all(letter < "\u0100" or letter in "…–“”" for letter in text)


def read(path: Path) -> Report:
    [report] = read_file(path, sender_code="huyen-043", period_code="2022", province="04", today=date(2026, 6, 1))
    assert not report.is_rejected, [finding.message_vi for finding in report.findings]
    return report


def in_small_letters(report: Report) -> list[tuple[Any, ...]]:
    rows = report.rows.drop("sheet_name").rows()
    return [tuple(value.lower() if isinstance(value, str) else value for value in row) for row in rows]


@CODES
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_a_report_in_a_legacy_font(code: LegacyCode, kind: str, grid: Grid, tmp_path: Path) -> None:
    proper = read(write_xlsx(tmp_path / "proper.xlsx", {"DS": grid}))
    path = tmp_path / f"typed.{kind}"
    if kind == "xlsx":
        write_xlsx(path, {"DS": typed(grid, code)})
    else:
        write_csv(path, typed(grid, code), encoding="cp1252")
    found = read(path)
    assert found.row_count == proper.row_count > 0
    assert in_small_letters(found) == in_small_letters(proper)
    assert found.unread.drop("sheet_name").equals(proper.unread.drop("sheet_name"))


def test_a_name_that_cannot_be_told_exactly_is_unread(grid: Grid, tmp_path: Path) -> None:
    line = min(grid.lines)
    column = next(index for index, value in enumerate(grid.rows[line - 1]) if isinstance(value, str) and " " in value)
    typed(grid, TCVN3)
    grid.rows[line - 1][column] = "TrÇn ThÞ Hường"
    report = read(write_xlsx(tmp_path / "f.xlsx", {"DS": grid}))
    [cell] = report.unread.filter(value="TrÇn ThÞ Hường").rows(named=True)
    assert cell["row_number"] == line
    assert "TCVN3" in cell["expected_vi"]
    assert report.rows.filter(row_number=line)[cell["column_name"]].to_list() == [None]
