"""Rows around the data: told from it, checked against it, and never mixed with it."""

from pathlib import Path
from typing import Any

import pytest
from reports import Cells, columns, record, table, write_xlsx

from ingestion.contract import load_contracts
from ingestion.period import Period
from ingestion.reading.layout import recognise
from ingestion.reading.rows import RowKind, Rows, classify
from ingestion.reading.workbook import read_sheets
from ingestion.settings import Settings

NAMES = [column.name for column in columns("household_review")]
HOUSEHOLDS = [record("household_review", number) for number in range(1, 5)]


def line(**values: Any) -> list[Any]:
    """A row of the sheet with a TT column, blank but for these columns."""
    return [values.pop("tt", None), *(values.get(name) for name in NAMES)]


def sheet_of(*rows: list[Any], households: int = 4) -> Cells:
    data = table("household_review", HOUSEHOLDS[:households])
    return [["TT", *data[0]], *([number, *row] for number, row in enumerate(data[1:], 1)), *rows]


def classified(tmp_path: Path, rows: Cells) -> Rows:
    (sheet,) = read_sheets(write_xlsx(tmp_path / "a.xlsx", rows), Settings())
    layout = recognise(sheet, load_contracts().values(), Period.parse("2022")).layout
    assert layout is not None
    return classify(sheet, layout)


def data_rows(tmp_path: Path, rows: Cells) -> list[int]:
    """Numbers of the data rows as the sender sees them."""
    return [row + 1 for row in classified(tmp_path, rows).data.to_list()]


def test_only_data(tmp_path: Path) -> None:
    assert data_rows(tmp_path, sheet_of()) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "row",
    [
        line(),
        line(tt="I", household_code="Thị trấn An Châu"),
        line(tt="II.", household_code="Xã An Lạc"),
        line(tt="1", household_code="Thôn Đồng Bài"),
        line(household_code="Khu vực nông thôn"),
        line(tt="III. Xã An Bá"),
        line(household_code="IV. Phường 14"),
        line(household_code="1. Xã An Lạc"),
        line(head_name="A. KHU VỰC NÔNG THÔN"),
        line(head_name="b) Thành thị"),
        ["A", *[f"({number})" for number in range(1, len(NAMES) + 1)]],
        ["TT", *table("household_review", [])[0]],
        ["STT", *[column.synonyms[0] if column.synonyms else column.heading for column in columns("household_review")]],
        ["TT", *[text.upper() for text in table("household_review", [])[0]]],
    ],
)
def test_rows_between_data(tmp_path: Path, row: list[Any]) -> None:
    rows = sheet_of()
    # a row of column numbers stands under headings only
    at = 1 if row[0] == "A" else 3
    rows.insert(at, row)
    assert data_rows(tmp_path, rows) == [number for number in (2, 3, 4, 5, 6) if number != at + 1]


@pytest.mark.parametrize(
    "row",
    [
        {"tt": "I", "support_id": "Hỗ trợ nhà ở"},
        {"tt": "I", "support_id": "Hỗ trợ nhà ở", "amount": 40_000_000},
        {"support_id": "II. Hỗ trợ tiền điện"},
        {"support_id": "Trợ giúp pháp lý miễn phí"},
        {"tt": "Trợ giúp pháp lý miễn phí"},
        {"support_id": "III. Chính sách 30a", "amount": 40_000_000},
    ],
)
def test_sections_where_the_key_is_any_text(tmp_path: Path, row: dict[str, Any]) -> None:
    data = table("support_delivery", [record("support_delivery", number) for number in (1, 2)])
    rows = [["TT", *data[0]], *([number, *cells] for number, cells in enumerate(data[1:], 1))]
    names = [column.name for column in columns("support_delivery")]
    rows.insert(1, [row.get("tt"), *(row.get(name) for name in names)])
    (sheet,) = read_sheets(write_xlsx(tmp_path / "a.xlsx", rows), Settings())
    layout = recognise(sheet, load_contracts().values(), Period.parse("2023-Q2")).layout
    assert layout is not None
    assert classify(sheet, layout).data.to_list() == [2, 3]


def test_headings_and_numbers_again_on_a_new_page(tmp_path: Path) -> None:
    rows = sheet_of()
    numbers = ["A", *range(1, len(NAMES) + 1)]
    rows[3:3] = [rows[0], numbers]
    rows.insert(1, numbers)
    assert data_rows(tmp_path, rows) == [3, 4, 7, 8]


@pytest.mark.parametrize(
    "label", ["Tổng cộng", "TỔNG CỘNG:", "Cộng", "Tổng số", "Cộng xã An Lạc", "Tong cong", "To\u0302\u0309ng cộng"]
)
@pytest.mark.parametrize("where", ["tt", "household_code", "head_name"])
def test_rows_of_sums(tmp_path: Path, label: str, where: str) -> None:
    found = classified(tmp_path, sheet_of(line(**{where: label, "member_count": 16})))
    assert len(found.data) == 4
    assert [(row.row, row.kind in (RowKind.TOTAL, RowKind.SUBTOTAL)) for row in found.sums] == [(5, True)]


def test_a_section_that_gives_its_sum(tmp_path: Path) -> None:
    rows = sheet_of()
    rows.insert(1, line(tt="I", household_code="Xã An Lạc", member_count=16))
    found = classified(tmp_path, rows)
    assert [(row.row, row.kind, row.after) for row in found.sums] == [(1, RowKind.SUBTOTAL, True)]
    assert len(found.data) == 4


def test_signatures(tmp_path: Path) -> None:
    rows = sheet_of(
        line(),
        line(head_name="Sơn Động, ngày 14 tháng 12 năm 2022"),
        line(household_code="Sơn Động, ngày     tháng     năm 2022"),
        line(household_code="NGƯỜI LẬP BIỂU", commune_code="TM. ỦY BAN NHÂN DÂN"),
        line(household_code="(Ký, ghi rõ họ tên)", commune_code="CHỦ TỊCH"),
        line(),
        line(household_code="Lý Thị Hoa", commune_code="Bùi Văn Bình"),
    )
    assert data_rows(tmp_path, rows) == [2, 3, 4, 5]


def test_recipients_and_notes(tmp_path: Path) -> None:
    rows = sheet_of(
        line(tt="Nơi nhận:"), line(tt="- Như trên;"), line(tt="- Lưu: VT."), line(tt="Ghi chú: số liệu đã kiểm tra")
    )
    assert data_rows(tmp_path, rows) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "text",
    [
        "- Sở Lao động - Thương binh và Xã hội;",
        "* Ghi chú: số liệu đến 15/12/2022",
        "(Danh sách gồm 16 hộ)",
        "Danh sách này có 16 hộ./.",
        "Bằng chữ: Mười sáu hộ",
        "Số tiền bằng chữ: một trăm triệu đồng",
        "CÁN BỘ TỔNG HỢP",
    ],
)
@pytest.mark.parametrize("where", ["tt", "household_code", "head_name", "note"])
def test_lines_under_the_table(tmp_path: Path, text: str, where: str) -> None:
    assert data_rows(tmp_path, sheet_of(line(), line(**{where: text}))) == [2, 3, 4, 5]


def test_data_below_a_signature_is_data(tmp_path: Path) -> None:
    late = [None, *table("household_review", [record("household_review", 9)])[1]]
    rows = sheet_of(
        line(household_code="NGƯỜI LẬP BIỂU"),
        line(household_code="Lý Thị Hoa"),
        late,
        line(household_code="07645-00010"),
    )
    assert data_rows(tmp_path, rows) == [2, 3, 4, 5, 8, 9]


@pytest.mark.parametrize(
    "row",
    [
        line(household_code="07645-00009"),
        line(head_name="Người không có mã"),
        line(note="một dòng lạ"),
        line(household_code="mã sai", head_name="Lý Văn A", head_sex="Nam"),
        line(tt=5, member_count=3),
        line(household_code="xem lại", income_per_capita=1),
    ],
)
def test_what_is_not_recognised_is_data(tmp_path: Path, row: list[Any]) -> None:
    assert data_rows(tmp_path, sheet_of(row)) == [2, 3, 4, 5, 6]


def test_the_letterhead_again(tmp_path: Path) -> None:
    letterhead = [["UBND HUYỆN SƠN ĐỘNG"], ["DANH SÁCH HỘ NGHÈO NĂM 2022"]]
    rows = [*letterhead, *sheet_of()]
    rows[5:5] = letterhead
    assert data_rows(tmp_path, rows) == [4, 5, 8, 9]


def test_a_commune_without_its_code_is_no_section(tmp_path: Path) -> None:
    rows = table("commune_profile", [record("commune_profile", commune_code=None), record("commune_profile")])
    (sheet,) = read_sheets(write_xlsx(tmp_path / "a.xlsx", rows), Settings())
    layout = recognise(sheet, load_contracts().values(), Period.parse("2022")).layout
    assert layout is not None
    assert len(classify(sheet, layout).data) == 2


def test_no_data_at_all(tmp_path: Path) -> None:
    found = classified(tmp_path, sheet_of(line(household_code="Tổng cộng"), households=0))
    assert found.data.is_empty()


@pytest.mark.parametrize("written", ["Ví dụ: 07615-00001", "VÍ DỤ : 07615-00001", "Vi du:"])
def test_the_example_of_a_template_is_no_data(tmp_path: Path, written: str) -> None:
    """It is marked in its key, so that who writes over it makes it data."""
    example = record("household_review", 9, household_code=written)
    assert data_rows(tmp_path, sheet_of(line(**example))) == [2, 3, 4, 5]
    assert data_rows(tmp_path, sheet_of(line(**record("household_review", 9)))) == [2, 3, 4, 5, 6]
