"""Headings as they really stand: which data set, which column, which unit."""

import time
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from reports import Cells, columns, record, table, write_csv, write_xlsx

from ingestion.contract import load_contracts
from ingestion.period import Period
from ingestion.reading.layout import (
    Layout,
    Recognition,
    looks_like_table,
    money_factor,
    parse_heading,
    recognise,
    unit_line,
)
from ingestion.reading.workbook import read_sheets
from ingestion.settings import Settings

DATASETS = ["household_review", "commune_profile", "support_delivery", "credit_loan"]


def recognised(path: Path, period: str = "2022") -> Recognition:
    (sheet,) = read_sheets(path, Settings())
    return recognise(sheet, load_contracts().values(), Period.parse(period))


def layout_of(path: Path, period: str = "2022") -> Layout:
    layout = recognised(path, period).layout
    assert layout is not None
    return layout


def names(layout: Layout) -> list[str]:
    return [placed.column.name for placed in sorted(layout.placed, key=lambda placed: placed.index)]


# --- units ---


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("đồng", 1),
        ("VNĐ", 1),
        ("đ", 1),
        ("nghìn đồng", 1_000),
        ("ngàn đồng", 1_000),
        ("1.000 đồng", 1_000),
        ("1000đ", 1_000),
        ("Triệu đồng", 1_000_000),
        ("tr.đ", 1_000_000),
        ("trđ", 1_000_000),
        ("1.000.000 đồng", 1_000_000),
        ("tỷ đồng", 1_000_000_000),
        ("triệu đồng/người/tháng", 1_000_000),
        ("USD", None),
        ("ha", None),
        ("hợp đồng", None),
        ("lao động", None),
    ],
)
def test_units_of_money(unit: str, factor: int | None) -> None:
    assert money_factor(unit) == factor


@pytest.mark.parametrize(
    ("heading", "factor", "key"),
    [
        ("Số tiền hỗ trợ (1.000 đồng)", 1_000, "sotienhotro"),
        ("SỐ TIỀN HỖ TRỢ (TRIỆU ĐỒNG)", 1_000_000, "sotienhotro"),
        ("Tổng dư nợ triệu đồng", 1_000_000, "tongduno"),
        ("Số tiền, nghìn đồng", 1_000, "sotien"),
        ("Số tiền ĐVT: 1.000đ", 1_000, "sotien"),
        ("Ngày ĐH theo hợp đồng", None, "ngaydhtheohopdong"),
        ("LỰC LƯỢNG LAO ĐỘNG", None, "lucluonglaodong"),
    ],
)
def test_headings_and_their_units(heading: str, factor: int | None, key: str) -> None:
    parsed = parse_heading(heading)
    assert (parsed.factor, parsed.keys[0]) == (factor, key)


def test_unit_line() -> None:
    assert unit_line(["DANH SÁCH", "Đơn vị tính: triệu đồng"]) == 1_000_000
    assert unit_line(["(ĐVT: 1.000 đồng)"]) == 1_000
    assert unit_line(["Đơn vị: Xã An Lạc"]) is None
    assert unit_line(["ĐVT: đồng", "ĐVT: triệu đồng"]) is None


def test_a_unit_over_the_table_holds_for_headings_without_one(tmp_path: Path) -> None:
    rows: Cells = [["Đơn vị tính: triệu đồng"], *table("support_delivery", [record("support_delivery")])]
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows), "2023-Q2")
    assert next(placed.factor for placed in layout.placed if placed.column.name == "amount") == 1_000_000


def test_another_measure_is_another_column(tmp_path: Path) -> None:
    headings = {"amount": "Số tiền hỗ trợ (USD)"}
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", table("support_delivery", [], headings=headings)), "2023-Q2")
    assert layout.index_of("amount") is None
    assert [heading for _, heading in layout.unknown] == ["Số tiền hỗ trợ (USD)"]
    headings = {"irrigation_need_ha": "Diện tích có nhu cầu tưới tiêu (m2)"}
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", table("commune_profile", [], headings=headings)))
    assert [column.name for column in layout.missing] == ["irrigation_need_ha"]


# --- which data set, which columns ---


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_data_set_by_each_of_its_headings(dataset: str, tmp_path: Path) -> None:
    contract = load_contracts()[dataset]
    for rank in range(max(len(column.headings) for column in contract.columns)):
        headings = {column.name: column.headings[min(rank, len(column.headings) - 1)] for column in columns(dataset)}
        layout = layout_of(write_csv(tmp_path / "a.csv", table(dataset, [record(dataset)], headings=headings)))
        assert layout.contract.dataset == dataset
        assert names(layout) == [column.name for column in columns(dataset)]
        assert not layout.unknown


def capitals(text: str) -> str:
    return text.upper()


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def spaced(text: str) -> str:
    return " " + text.replace(" ", " \xa0 ") + " "


def broken_lines(text: str) -> str:
    return text.replace(" ", "\n", 1)


@pytest.mark.parametrize("change", [capitals, decomposed, spaced, broken_lines])
@pytest.mark.parametrize("dataset", DATASETS)
def test_headings_in_capitals_decomposed_spaced_and_broken(dataset: str, change: Any, tmp_path: Path) -> None:
    headings = {column.name: change(column.heading) for column in columns(dataset)}
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", table(dataset, [record(dataset)], headings=headings)))
    assert names(layout) == [column.name for column in columns(dataset)]
    assert not layout.unknown


def test_columns_in_another_order(tmp_path: Path) -> None:
    rows = [list(reversed(row)) for row in table("credit_loan", [record("credit_loan")])]
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows), "2023-Q4")
    assert names(layout) == [column.name for column in reversed(columns("credit_loan"))]


def test_letterhead_group_headings_and_numbers(tmp_path: Path) -> None:
    plain = table("household_review", [record("household_review")])[0]
    start = plain.index("Việc làm")
    group, leaf = list(plain), [None] * len(plain)
    group[start : start + 12] = ["Mức độ thiếu hụt các dịch vụ xã hội cơ bản", *[None] * 11]
    leaf[start : start + 12] = plain[start : start + 12]
    pair = plain.index("Phân loại đầu năm")
    group[pair : pair + 2], leaf[pair : pair + 2] = ["Phân loại hộ", None], plain[pair : pair + 2]
    rows: Cells = [["UBND HUYỆN", None, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"], [], ["DANH SÁCH NĂM 2022"], group, leaf]
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows, merge=["M4:X4", "Y4:Z4"]))
    assert names(layout) == [column.name for column in columns("household_review")]
    assert not layout.unknown
    assert layout.heading_rows == range(3, 5)
    assert "DANH SÁCH NĂM 2022" in layout.above


@pytest.mark.parametrize(("standard", "period", "count"), [("2021-2025", "2022", 12), ("2016-2020", "2018", 10)])
def test_deprivations_headed_by_their_numbers(standard: str, period: str, count: int, tmp_path: Path) -> None:
    plain = table("household_review", [record("household_review")], standard=standard)
    start = next(index for index, column in enumerate(columns("household_review", standard)) if column.deprivation)
    group: list[Any] = list(plain[0])
    leaf: list[Any] = [None] * len(plain[0])
    group[start : start + count] = ["Chỉ số thiếu hụt dịch vụ xã hội cơ bản", *[None] * (count - 1)]
    leaf[start : start + count] = list(range(1, count + 1))
    layout = layout_of(write_csv(tmp_path / "a.csv", [group, leaf, *plain[1:]]), period)
    numbered = sorted(
        (column.number_in(standard), column.name)
        for column in columns("household_review", standard)
        if column.deprivation
    )
    found = names(layout)[start : start + count]
    assert found == [name for _, name in numbered]
    assert layout.standard_code == standard


def test_grouped_debts(tmp_path: Path) -> None:
    plain = table("credit_loan", [record("credit_loan")])
    debts = {"Dư nợ trong hạn": "Trong hạn", "Dư nợ quá hạn": "Quá hạn", "Dư nợ khoanh": "Khoanh", "Tổng dư nợ": "Tổng"}
    group = [
        "Dư nợ (triệu đồng)" if text == "Dư nợ trong hạn" else None if text in debts else text for text in plain[0]
    ]
    leaf = [debts.get(text) for text in plain[0]]
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", [group, leaf, *plain[1:]], merge=["P1:S1"]), "2023-Q4")
    assert names(layout) == [column.name for column in columns("credit_loan")]
    factors = {placed.column.name: placed.factor for placed in layout.placed}
    assert factors["outstanding"] == factors["overdue"] == 1_000_000
    assert factors["repaid_in_period"] == 1


@pytest.mark.parametrize(
    ("period", "written", "found"),
    [
        ("2013", "2011-2015", "2011-2015"),
        ("2015", "2011-2015", "2011-2015"),
        ("2015", "2016-2020", "2016-2020"),
        ("2018", "2016-2020", "2016-2020"),
        ("2021", "2016-2020", "2016-2020"),
        ("2021", "2021-2025", "2021-2025"),
        ("2025", "2021-2025", "2021-2025"),
    ],
)
def test_the_headings_tell_the_standard(period: str, written: str, found: str, tmp_path: Path) -> None:
    rows = table("household_review", [record("household_review")], standard=written)
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows), period)
    assert layout.standard_code == found
    assert not layout.missing
    assert not layout.unknown


def test_a_standard_that_is_not_in_force_leaves_columns_missing(tmp_path: Path) -> None:
    rows = table("household_review", [record("household_review")], standard="2016-2020")
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows), "2023")
    assert [column.name for column in layout.missing] == ["dep_employment", "dep_dependency", "dep_nutrition"]
    assert [heading for _, heading in layout.unknown] == ["Tiếp cận các dịch vụ y tế"]


def test_missing_columns_are_told_also_when_it_is_the_key(tmp_path: Path) -> None:
    rows = table("household_review", [record("household_review")], without=["household_code", "head_sex", "note"])
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows))
    assert [column.name for column in layout.missing] == ["household_code", "head_sex"]


def test_one_of_two_columns_is_enough(tmp_path: Path) -> None:
    for left_out, missing in (
        (["commune_code"], []),
        (["commune_name"], []),
        (["commune_code", "commune_name"], ["commune_code"]),
    ):
        rows = table("household_review", [record("household_review")], without=left_out)
        layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows))
        assert [column.name for column in layout.missing] == missing


def test_unknown_and_nameless_columns(tmp_path: Path) -> None:
    rows = table("support_delivery", [record("support_delivery")])
    rows = [
        ["STT" if index == 0 else index, *row, "Cán bộ" if index == 0 else "A", None] for index, row in enumerate(rows)
    ]
    rows[1][-1] = "lạ"
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows), "2023-Q2")
    assert [heading for _, heading in layout.unknown] == ["Cán bộ"]
    assert layout.nameless == (12,)


OTHER_FORMS: Mapping[str, Cells] = {
    "deprivations": [
        ["TT", "Phường/ Xã", "Tổng số hộ nghèo", "Tổng số thiếu hụt", "Chỉ số thiếu hụt dịch vụ xã hội cơ bản", None],
        [None, None, None, None, "1", "2"],
    ],
    "groups": [
        ["TT", "Phường/Xã", "Phân tổ", "Tổng số hộ nghèo", "Hộ nghèo", None, "Tổng số hộ cận nghèo", "Hộ cận nghèo"],
        [None, None, None, None, "Hộ DTTS", "Hộ không có khả năng lao động", None, "Hộ DTTS"],
    ],
    "causes": [
        ["TT", "Phường/Xã", "Không có đất sản xuất", "Vốn sản xuất, kinh doanh", "Lao động", "Nguyên nhân khác"]
    ],
    "near-poor, 2012": [
        ["TT", "Thành phố/ Thị xã/ huyện/", "Tổng số hộ dân cư", None, "Số hộ cận nghèo đầu năm", None],
        [None, None, "Số hộ", "Trong đó Hộ DTTS", "Số hộ", "Tỷ lệ %"],
    ],
    "staff": [["TT", "Họ và tên", "Giới tính", "Chức vụ", "Đơn vị công tác"]],
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_other_forms_are_not_taken_for_ours(form: str, tmp_path: Path) -> None:
    rows = [*OTHER_FORMS[form], ["1", "2", "3", "4", "5"], ["a", "b", "c", "d", "e"]]
    path = write_xlsx(tmp_path / "a.xlsx", rows)
    assert recognised(path).layout is None
    assert looks_like_table(read_sheets(path, Settings())[0])


def test_a_note_is_no_table(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", [["Hướng dẫn"], ["Ghi theo mẫu", "x"], ["Gửi trước ngày 20"]])
    assert not looks_like_table(read_sheets(path, Settings())[0])


# --- headings of forms ---


def test_a_heading_with_an_open_end_stands_for_all_that_begin_so(tmp_path: Path) -> None:
    long = "Số hộ khác: thay đổi nhân khẩu, hộ nghèo đơn thân chết, và những lý do không ai liệt kê hết"
    rows = table("poor_movement", [record("poor_movement")], headings={"other_decrease": long})
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows))
    assert layout.index_of("other_decrease") is not None
    assert layout.unknown == ()


def test_groups_that_are_not_merged_over_data_that_is(tmp_path: Path) -> None:
    """What is merged further down says nothing about how far a group of headings reaches."""
    rows: Cells = [
        [
            *("Phường/ Xã", "Phân tổ", "Tổng số hộ nghèo đầu kỳ", "Số hộ thoát nghèo", None),
            *("Số hộ cận nghèo trở thành hộ nghèo", "Số hộ nghèo bổ sung trong năm", None, "Tổng số hộ nghèo cuối kỳ"),
        ],
        [None, None, None, "Trở thành hộ cận nghèo", "Vượt chuẩn cận nghèo", None, "Tái nghèo", "Phát sinh mới"],
        ["Xã An Lạc", "Hộ", 0, 0, 0, 0, 0, 4, 4],
        [None, "Nhân khẩu", 0, 0, 0, 0, 0, 13, 13],
    ]
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows, merge=["A3:A4"]))
    assert (layout.missing, layout.unknown) == ((), ())
    assert [layout.index_of(name) for name in ("to_near_poor", "to_above", "relapsed", "new")] == [3, 4, 6, 7]


def test_headings_on_rows_with_a_blank_one_between(tmp_path: Path) -> None:
    rows: Cells = [
        ["Phường/ Xã", "Tổng số hộ dân cư", None, "Tổng số hộ nghèo", None, "Tổng số hộ cận nghèo", None],
        [],
        [None, "Số hộ", "Nhân khẩu", "Số hộ", "Tỷ lệ", "Số hộ", "Tỷ lệ", "Số khẩu nghèo", "Số khẩu cận nghèo"],
        ["Xã An Lạc", 100, 400, 5, 5, 10, 10, 20, 40],
    ]
    layout = layout_of(write_xlsx(tmp_path / "a.xlsx", rows))
    assert (layout.missing, layout.unknown) == ((), ())
    assert [(rate.index, rate.part) for rate in layout.rates] == [(4, "poor_count"), (6, "near_poor_count")]


def test_a_sheet_of_thousands_of_columns_costs_by_their_number(tmp_path: Path) -> None:
    """Work grows with the columns, not with their square: four times as many are far from sixteen times the work."""
    data = [record("credit_loan", number) for number in range(1, 21)]
    known = [column.heading for column in columns("credit_loan")]

    def recognised_in(more: int) -> float:
        rows: Cells = [known + [f"Chỉ tiêu bổ sung số {number}" for number in range(more)]]
        rows += [
            [row.get(column.name) for column in columns("credit_loan")] + [f"ô {n}" for n in range(more)]
            for row in data
        ]
        sheet = read_sheets(write_csv(tmp_path / f"{more}.csv", rows), Settings())[0]
        start = time.process_time()
        layout = recognise(sheet, load_contracts().values(), None).layout
        spent = time.process_time() - start
        assert layout is not None
        assert (layout.contract.dataset, len(layout.unknown)) == ("credit_loan", more)
        return spent

    recognised_in(10)  # what is remembered from the first sheet on
    assert recognised_in(2_000) < 10 * recognised_in(500)
