"""Binary workbooks (xls, xlsb): read as the same report in xlsx is, with errors and percent seen."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest
from binary_maker import BinaryGrid, Failed, Percent, xls, xlsb
from province_maker import Province
from report_maker import Manner, lay_out, write_xlsx

from ingestion.read import read_file
from ingestion.reading.sheet import Sheet
from ingestion.reading.unreadable import UnreadableFileError
from ingestion.reading.workbook import read_sheets
from ingestion.settings import Settings

Maker = Callable[..., bytes]
MAKERS: Mapping[str, Maker] = {"xls": xls, "xlsb": xlsb}
every_kind = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def sheets(folder: Path, content: bytes, **limits: int) -> list[Sheet]:
    path = folder / "f"
    path.write_bytes(content)
    return read_sheets(path, Settings().model_copy(update=limits))


def written(sheet: Sheet) -> list[list[str | None]]:
    return [list(row) for row in zip(*(cells.written().to_list() for cells in sheet.columns), strict=True)]


@every_kind
def test_values_errors_percent_and_merged_cells(make: Maker, tmp_path: Path) -> None:
    grid: BinaryGrid = [
        ["Tên xã", "Tỷ lệ", "Số hộ", None],
        ["Xã An Lạc", Percent(0.066), 12.0, "#REF!"],
        ["Xã An Bá", 0.066, Failed("#N/A"), True],
    ]
    first, second = sheets(tmp_path, make({"Biểu 1": grid, "Biểu 2": grid[:1]}, [((0, 2), (0, 3))]))
    assert (first.name, second.name) == ("Biểu 1", "Biểu 2")
    assert written(first) == [
        ["Tên xã", "Tỷ lệ", "Số hộ", None],
        ["Xã An Lạc", "6.6", "12", None],
        ["Xã An Bá", "0.066", None, "TRUE"],
    ]
    assert sorted((cell.row, cell.column, cell.text) for cell in first.broken) == [(1, 3, "#REF!"), (2, 2, "#N/A")]
    assert list(first.merged) == [((0, 2), (0, 3))]


@every_kind
def test_a_report_is_the_same_in_every_format(make: Maker, tmp_path: Path) -> None:
    home = Province("04")
    rows = home.loans(home.of("huyen-043", "2022-Q3")[:3], "2022-Q3")
    grid = lay_out("credit_loan", rows, Manner(dates="dd/mm/yyyy"))

    def read(path: Path) -> list[tuple[object, ...]]:
        [report] = read_file(path, sender_code="nhcsxh", period_code="2022-Q3", province="04", today=date(2026, 6, 1))
        assert not report.is_rejected
        return report.rows.drop("sheet_name").rows()

    path = tmp_path / "f.bin"
    cells = [[float(cell) if type(cell) is int else cell for cell in line] for line in grid.rows]
    path.write_bytes(make({"Biểu": cells}))
    found = read(path)
    assert len(found) == len(rows)
    assert found == read(write_xlsx(tmp_path / "f.xlsx", {"Biểu": grid}))


def reason(folder: Path, content: bytes, **limits: int) -> str:
    with pytest.raises(UnreadableFileError) as error:
        sheets(folder, content, **limits)
    return error.value.reason_vi


@every_kind
def test_limits(make: Maker, tmp_path: Path) -> None:
    grid: BinaryGrid = [["a"] * 20] * 20
    assert "giới hạn 100 ô" in reason(tmp_path, make({"A": grid}), max_cells=100)
    assert "trang tính, quá giới hạn" in reason(tmp_path, make({"A": grid, "B": grid}), max_sheets=1)
    areas = [((0, 0), (0, 1)), ((1, 0), (1, 1))]
    assert "vùng gộp ô" in reason(tmp_path, make({"A": grid}, areas), max_merged=1)


def test_an_xls_locked_by_a_password(tmp_path: Path) -> None:
    assert "mật khẩu" in reason(tmp_path, xls({"A": [["a"]]}, protected=True))


@every_kind
def test_every_truncation_is_told(make: Maker, tmp_path: Path) -> None:
    whole = make({"A": [["x" * 50, 1.0]] * 40})
    for size in range(2000, len(whole) - 600, len(whole) // 30):
        assert "hỏng" in reason(tmp_path, whole[:size])
