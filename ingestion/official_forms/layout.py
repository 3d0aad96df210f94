"""What each official form says: title, merged headings, the row of column numbers, the rows of a place."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType

from ingestion.contract import load_contracts

Merged = tuple[int, int, int, int, str]
"""First row (of the headings), first column, last row, last column, text."""

HOUSEHOLDS_AND_PERSONS = (("households", "Hộ"), ("persons", "Nhân khẩu"))


@dataclass(frozen=True)
class OfficialForm:
    """The layout of a form. Its figures are the columns after TT, name and (where `parts` stand beside it) Phân tổ.

    `parts` are the rows of one place, as (code, label); where they stand below the name, the first has no label of its
    own. `rates` gives the part and the whole of each rate, by column. A form that senders report has its `dataset` and
    `columns`, the column of each figure that they send.
    """

    number: int
    title: str
    headings: tuple[Merged, ...]
    width: int
    numbers: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = (("", ""),)
    part_column: str | None = None
    rates: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    columns: Mapping[str, int] = field(default_factory=dict)
    legend: str = ""

    @property
    def heading_rows(self) -> int:
        """Rows of headings, without that of the column numbers."""
        return 1 + max(last_row for _, _, last_row, _, _ in self.headings)

    @property
    def has_parts_beside(self) -> bool:
        """Whether the rows of a place are told apart in a column of their own."""
        return self.part_column == "counted"

    @property
    def lead(self) -> int:
        """Columns before the first figure."""
        return 3 if self.has_parts_beside else 2


def _cells(row: int, first: int, texts: Iterable[str], last_row: int | None = None) -> tuple[Merged, ...]:
    """Headings of one column each, side by side, from `row` down to `last_row`."""
    last = row if last_row is None else last_row
    return tuple((row, column, last, column, text) for column, text in enumerate(texts, start=first))


def _pair(first: int, text: str, counted: str) -> tuple[Merged, ...]:
    return (1, first, 1, first + 1, text), *_cells(2, first, (counted, "Tỷ lệ"))


def _result() -> OfficialForm:
    return OfficialForm(
        number=1,
        title=(
            "TỔNG HỢP KẾT QUẢ CHÍNH THỨC RÀ SOÁT HỘ NGHÈO; HỘ CẬN NGHÈO; "
            "HỘ LÀM NÔNG, LÂM, NGƯ NGHIỆP CÓ MỨC SỐNG TRUNG BÌNH"
        ),
        headings=(
            *_cells(0, 0, ("TT", "Phường/ Xã"), 2),
            (0, 2, 0, 3, "Tổng số hộ dân cư (tại thời điểm rà soát)"),
            *_cells(1, 2, ("Số hộ", "Nhân khẩu"), 2),
            (0, 4, 0, 9, "Kết quả rà soát về hộ (chính thức)"),
            *_pair(4, "Tổng số hộ nghèo", "Số hộ"),
            *_pair(6, "Tổng số hộ cận nghèo", "Số hộ"),
            *_pair(8, "Tổng số hộ nông, lâm, ngư nghiệp có mức sống trung bình", "Số hộ"),
            (0, 10, 0, 15, "Kết quả rà soát về khẩu (chính thức)"),
            *_pair(10, "Tổng số khẩu nghèo", "Số khẩu"),
            *_pair(12, "Tổng số khẩu cận nghèo", "Số khẩu"),
            *_pair(14, "Tổng số khẩu hộ nông, lâm, ngư nghiệp có mức sống trung bình", "Số khẩu"),
        ),
        width=16,
        numbers=(
            *("A", "B", "1", "2", "3", "4=3/1*100", "5", "6=5/1*100", "7", "8=7/1*100", "9", "10=9/2*100", "11"),
            *("12=11/2*100", "13", "14=13/2*100"),
        ),
        rates={5: (4, 2), 7: (6, 2), 9: (8, 2), 11: (10, 3), 13: (12, 3), 15: (14, 3)},
        columns={
            "household_count": 2,
            "population": 3,
            "poor_count": 4,
            "near_poor_count": 6,
            "average_living_count": 8,
            "poor_persons": 10,
            "near_poor_persons": 12,
            "average_living_persons": 14,
        },
    )


def _movement(number: int, kind: str, names: Sequence[str], *headings: Merged) -> OfficialForm:
    return OfficialForm(
        number=number,
        title=f"TỔNG HỢP DIỄN BIẾN {kind.upper()}",
        headings=(
            *_cells(0, 0, ("TT", "Phường/ Xã", "Phân tổ", f"Tổng số {kind} đầu kỳ"), 2),
            (0, 4, 0, 6, f"Diễn biến giảm số {kind}"),
            (0, 7, 0, 10, f"Diễn biến tăng số {kind}"),
            (0, 11, 2, 11, f"Tổng số {kind} cuối kỳ"),
            (1, 10, 2, 10, "Số hộ khác: thay đổi nhân khẩu, chuyển đến, tách, nhập hộ"),
            *headings,
        ),
        width=12,
        numbers=("A", "B", "C", *map(str, range(1, 9)), "9=1-2-3-4+5+6+7+8"),
        parts=HOUSEHOLDS_AND_PERSONS,
        part_column="counted",
        columns={name: index for index, name in enumerate(names, start=3)},
    )


def _poor_movement() -> OfficialForm:
    return _movement(
        2,
        "hộ nghèo",
        (
            *("start", "to_near_poor", "to_above", "other_decrease", "from_near_poor", "relapsed", "new"),
            *("other_increase", "end"),
        ),
        (1, 4, 1, 5, "Số hộ thoát nghèo"),
        *_cells(2, 4, ("Trở thành hộ cận nghèo", "Vượt chuẩn cận nghèo")),
        (1, 6, 2, 6, "Số hộ khác: thay đổi nhân khẩu, hộ nghèo đơn thân chết, chuyển đi nơi khác, tách, nhập hộ"),
        (1, 7, 2, 7, "Số hộ cận nghèo trở thành hộ nghèo"),
        (1, 8, 1, 9, "Số hộ nghèo bổ sung trong năm"),
        *_cells(2, 8, ("Tái nghèo", "Phát sinh mới")),
    )


def _near_poor_movement() -> OfficialForm:
    return _movement(
        3,
        "hộ cận nghèo",
        ("start", "escaped", "to_poor", "other_decrease", "from_poor", "relapsed", "new", "other_increase", "end"),
        (1, 4, 2, 4, "Số hộ thoát cận nghèo"),
        (1, 5, 2, 5, "Số hộ cận nghèo trở thành hộ nghèo"),
        (1, 6, 2, 6, "Số hộ khác: thay đổi nhân khẩu, hộ đơn thân chết, chuyển đi nơi khác, tách, nhập hộ"),
        (1, 7, 2, 7, "Số hộ nghèo trở thành hộ cận nghèo"),
        (1, 8, 1, 9, "Số hộ bổ sung trong năm"),
        *_cells(2, 8, ("Tái cận nghèo", "Phát sinh mới")),
    )


def _deprivation(number: int, kind: str, names: Sequence[str], *, is_rate: bool) -> OfficialForm:
    """Forms 4 to 7: a column for each deprivation of the standard, headed by its number."""
    totals = (f"Tổng số {kind}",) if is_rate else (f"Tổng số {kind}", "Tổng số thiếu hụt")
    first = 2 + len(totals)
    what = "Tỷ lệ các chỉ số thiếu hụt" if is_rate else "Chỉ số thiếu hụt"
    group = f"{what} dịch vụ xã hội cơ bản của {kind}{' (%)' if is_rate else ''}"
    width = first + len(names)
    return OfficialForm(
        number=number,
        title=f"PHÂN TÍCH {'TỶ LỆ ' if is_rate else ''}CÁC CHỈ SỐ THIẾU HỤT DỊCH VỤ XÃ HỘI CƠ BẢN CỦA {kind.upper()}",
        headings=(
            *_cells(0, 0, ("TT", "Phường/ Xã", *totals), 1),
            (0, first, 0, width - 1, group),
            *_cells(1, first, map(str, range(1, len(names) + 1))),
        ),
        width=width,
        rates={column: (column, 2) for column in range(first, width)} if is_rate else {},
        legend="Chỉ số: " + "; ".join(f"{index}. {name}" for index, name in enumerate(names, start=1)),
    )


def _groups() -> OfficialForm:
    groups = ("Hộ DTTS", "Hộ không có khả năng lao động", "Hộ có thành viên là người có công", "Khác")
    return OfficialForm(
        number=8,
        title="PHÂN TÍCH HỘ NGHÈO, HỘ CẬN NGHÈO THEO CÁC NHÓM ĐỐI TƯỢNG",
        headings=(
            *_cells(0, 0, ("TT", "Phường/ Xã", "Phân tổ"), 1),
            (0, 3, 0, 7, "Hộ nghèo"),
            *_cells(1, 3, ("Tổng số hộ nghèo", *groups)),
            (0, 8, 0, 12, "Hộ cận nghèo"),
            *_cells(1, 8, ("Tổng số hộ cận nghèo", *groups)),
        ),
        width=13,
        numbers=("A", "B", "C", *map(str, range(1, 11))),
        parts=HOUSEHOLDS_AND_PERSONS,
        part_column="counted",
    )


def _ethnic_groups() -> OfficialForm:
    groups = (
        *("Kinh", "Tổng DTTS", "Ê đê", "Mạ", "Mường", "Thái", "M'Nông", "Tày", "Nùng", "Mông", "Dao"),
        *("Hoa", "Sán Chay", "Sán Dìu", "Lô Lô", "Khác"),
    )
    half = 1 + len(groups)
    return OfficialForm(
        number=9,
        title="PHÂN TÍCH HỘ NGHÈO, HỘ CẬN NGHÈO THEO DÂN TỘC",
        headings=(
            *_cells(0, 0, ("TT", "Phường/ Xã"), 1),
            (0, 2, 0, 1 + half, "Hộ nghèo"),
            *_cells(1, 2, ("Tổng số hộ nghèo", *groups)),
            (0, 2 + half, 0, 1 + 2 * half, "Hộ cận nghèo"),
            *_cells(1, 2 + half, ("Tổng số hộ cận nghèo", *groups)),
        ),
        width=2 + 2 * half,
        numbers=("A", "B", *map(str, range(1, 2 * half + 1))),
    )


def _causes() -> OfficialForm:
    causes = (
        *("Không có/Thiếu đất sản xuất", "Không có/Thiếu vốn sản xuất, kinh doanh", "Không có/Thiếu lao động"),
        *("Không có/Thiếu công cụ/phương tiện sản xuất", "Không có/Thiếu kiến thức về sản xuất"),
        *("Không có/Thiếu kỹ năng lao động, sản xuất", "Có người ốm đau, bệnh nặng, tai nạn…", "Nguyên nhân khác"),
    )
    return OfficialForm(
        number=10,
        title="10. Phân tích hộ nghèo, hộ cận nghèo theo nguyên nhân nghèo",
        headings=(
            *_cells(0, 0, ("TT", "Phường/ Xã"), 1),
            (0, 2, 0, 9, "Nguyên nhân nghèo"),
            *_cells(1, 2, causes),
        ),
        width=10,
        numbers=("A", "B", *map(str, range(1, 9))),
        parts=(("poor_or_near_poor", ""), ("poor", "Hộ nghèo"), ("near_poor", "Hộ cận nghèo")),
        part_column="class_group_code",
        legend="Hộ chưa ghi nguyên nhân không tính vào cột nào.",
    )


def _children() -> OfficialForm:
    deprived = ("Thiếu hụt về y tế (dinh dưỡng/BHYT)", "Thiếu hụt về giáo dục")
    return OfficialForm(
        number=11,
        title="TỔNG HỢP CHỈ TIÊU THIẾU HỤT CỦA TRẺ EM THUỘC HỘ NGHÈO, HỘ CẬN NGHÈO",
        headings=(
            *_cells(0, 0, ("TT", "Phường/ Xã"), 2),
            (0, 2, 0, 4, "Trẻ em thuộc hộ nghèo"),
            (0, 5, 0, 7, "Trẻ em thuộc hộ cận nghèo"),
            (1, 2, 2, 2, "Tổng số trẻ em hộ nghèo"),
            (1, 5, 2, 5, "Tổng số trẻ em hộ cận nghèo"),
            *((1, first, 1, first + 1, "Trong đó") for first in (3, 6)),
            *_cells(2, 3, deprived),
            *_cells(2, 6, deprived),
        ),
        width=8,
        numbers=("A", "B", *map(str, range(1, 7))),
        legend="Thiếu hụt về y tế: chỉ tính bảo hiểm y tế; dinh dưỡng không có số liệu của từng trẻ.",
    )


def _review(number: int, kind: str) -> OfficialForm:
    """Forms 12 and 13, which share one title."""
    people = ("Tổng", "Kinh", "DTTS", "DT tại chỗ")
    groups = (
        ("Tổng số hộ", people),
        ("Tổng số khẩu", people),
        (f"Tổng số hộ {kind}", ("Tổng", "Kinh", "DTTS", "DTTC", "Hộ CSCC", "Hộ KCKNLĐ", "Chủ hộ là nữ")),
        (f"Tổng số khẩu {kind}", ("Tổng", "Kinh", "DTTS", "DTTC")),
    )
    headings: list[Merged] = [*_cells(0, 0, ("TT", "Phường/ Xã"), 1)]
    at = 2
    for text, columns in groups:
        headings += [(0, at, 0, at + len(columns) - 1, text), *_cells(1, at, columns)]
        at += len(columns)
    return OfficialForm(
        number=number,
        title="TỔNG HỢP KẾT QUẢ RÀ SOÁT HỘ NGHÈO THEO CHUẨN NGHÈO ĐA CHIỀU",
        headings=tuple(headings),
        width=at,
        numbers=("A", "B", *map(str, range(1, at - 1))),
        legend=(
            "CSCC: hộ có thành viên là người có công; KCKNLĐ: không có khả năng lao động; "
            "DT tại chỗ, dân tộc của nhân khẩu: không có số liệu."
        ),
    )


def _deprivation_names(standard_code: str) -> list[str]:
    """What the numbers of a standard's deprivations mean, in their order; none where income alone decides."""
    columns = load_contracts()["household_review"].columns
    numbered = [(number, column) for column in columns if (number := column.number_in(standard_code)) is not None]
    return [column.standard_headings[standard_code] for _, column in sorted(numbered, key=itemgetter(0))]


REPORTED_FORMS: Mapping[str, OfficialForm] = MappingProxyType(
    {"review_result": _result(), "poor_movement": _poor_movement(), "near_poor_movement": _near_poor_movement()}
)
"""The forms that senders report, by data set."""

FORM_NUMBERS = range(1, 14)


def official_forms(standard_code: str) -> Mapping[int, OfficialForm]:
    """The forms of a poverty standard by number; one that knows no deprivations has no forms 4 to 7."""
    forms = [*REPORTED_FORMS.values()]
    if names := _deprivation_names(standard_code):
        for number, kind in ((4, "hộ nghèo"), (6, "hộ cận nghèo")):
            forms.append(_deprivation(number, kind, names, is_rate=False))
            forms.append(_deprivation(number + 1, kind, names, is_rate=True))
    forms += [_groups(), _ethnic_groups(), _causes(), _children(), _review(12, "nghèo"), _review(13, "cận nghèo")]
    return MappingProxyType({form.number: form for form in forms})
