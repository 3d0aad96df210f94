"""The official forms 1 to 3 as the ministry lays them out: merged headings of three rows, the row of formulas, the
sender's communes under a row of their sum, rates and closing counts as formulas.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from ingestion.templating.choices import Choices
from ingestion.templating.request import Request
from ingestion.templating.styles import Styles

_HEADINGS_AT = 6
_FIRST = _HEADINGS_AT + 4  # below three rows of headings and that of numbers

Merged = tuple[int, int, int, int, str]
"""First row (of the headings), first column, last row, last column, text."""


@dataclass(frozen=True)
class OfficialForm:
    """The layout of a form. `columns` gives the index of each column that is sent; `rates` the whole of each rate."""

    headings: tuple[Merged, ...]
    numbers: tuple[str, ...]
    columns: Mapping[str, int]
    rates: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    is_movement: bool = False


def _pair(first: int, text: str, counted: str) -> tuple[Merged, ...]:
    return (1, first, 1, first + 1, text), (2, first, 2, first, counted), (2, first + 1, 2, first + 1, "Tỷ lệ")


def _movement(kind: str, *headings: Merged) -> tuple[Merged, ...]:
    return (
        (0, 0, 2, 0, "TT"),
        (0, 1, 2, 1, "Phường/ Xã"),
        (0, 2, 2, 2, "Phân tổ"),
        (0, 3, 2, 3, f"Tổng số {kind} đầu kỳ"),
        (0, 4, 0, 6, f"Diễn biến giảm số {kind}"),
        (0, 7, 0, 10, f"Diễn biến tăng số {kind}"),
        (0, 11, 2, 11, f"Tổng số {kind} cuối kỳ"),
        (1, 10, 2, 10, "Số hộ khác: thay đổi nhân khẩu, chuyển đến, tách, nhập hộ"),
        *headings,
    )


_MOVEMENT_NUMBERS = ("A", "B", "C", "1", "2", "3", "4", "5", "6", "7", "8", "9=1-2-3-4+5+6+7+8")

OFFICIAL_FORMS: Mapping[str, OfficialForm] = MappingProxyType(
    {
        "review_result": OfficialForm(
            headings=(
                (0, 0, 2, 0, "TT"),
                (0, 1, 2, 1, "Phường/ Xã"),
                (0, 2, 0, 3, "Tổng số hộ dân cư (tại thời điểm rà soát)"),
                (1, 2, 2, 2, "Số hộ"),
                (1, 3, 2, 3, "Nhân khẩu"),
                (0, 4, 0, 9, "Kết quả rà soát về hộ (chính thức)"),
                *_pair(4, "Tổng số hộ nghèo", "Số hộ"),
                *_pair(6, "Tổng số hộ cận nghèo", "Số hộ"),
                *_pair(8, "Tổng số hộ nông, lâm, ngư nghiệp có mức sống trung bình", "Số hộ"),
                (0, 10, 0, 15, "Kết quả rà soát về khẩu (chính thức)"),
                *_pair(10, "Tổng số khẩu nghèo", "Số khẩu"),
                *_pair(12, "Tổng số khẩu cận nghèo", "Số khẩu"),
                *_pair(14, "Tổng số khẩu hộ nông, lâm, ngư nghiệp có mức sống trung bình", "Số khẩu"),
            ),
            numbers=(
                *("A", "B", "1", "2", "3", "4=3/1*100", "5", "6=5/1*100", "7", "8=7/1*100", "9", "10=9/2*100", "11"),
                *("12=11/2*100", "13", "14=13/2*100"),
            ),
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
            rates={5: (4, 2), 7: (6, 2), 9: (8, 2), 11: (10, 3), 13: (12, 3), 15: (14, 3)},
        ),
        "poor_movement": OfficialForm(
            headings=_movement(
                "hộ nghèo",
                (1, 4, 1, 5, "Số hộ thoát nghèo"),
                (2, 4, 2, 4, "Trở thành hộ cận nghèo"),
                (2, 5, 2, 5, "Vượt chuẩn cận nghèo"),
                (
                    1,
                    6,
                    2,
                    6,
                    "Số hộ khác: thay đổi nhân khẩu, hộ nghèo đơn thân chết, chuyển đi nơi khác, tách, nhập hộ",
                ),
                (1, 7, 2, 7, "Số hộ cận nghèo trở thành hộ nghèo"),
                (1, 8, 1, 9, "Số hộ nghèo bổ sung trong năm"),
                (2, 8, 2, 8, "Tái nghèo"),
                (2, 9, 2, 9, "Phát sinh mới"),
            ),
            numbers=_MOVEMENT_NUMBERS,
            columns={
                "start": 3,
                "to_near_poor": 4,
                "to_above": 5,
                "other_decrease": 6,
                "from_near_poor": 7,
                "relapsed": 8,
                "new": 9,
                "other_increase": 10,
                "end": 11,
            },
            is_movement=True,
        ),
        "near_poor_movement": OfficialForm(
            headings=_movement(
                "hộ cận nghèo",
                (1, 4, 2, 4, "Số hộ thoát cận nghèo"),
                (1, 5, 2, 5, "Số hộ cận nghèo trở thành hộ nghèo"),
                (1, 6, 2, 6, "Số hộ khác: thay đổi nhân khẩu, hộ đơn thân chết, chuyển đi nơi khác, tách, nhập hộ"),
                (1, 7, 2, 7, "Số hộ nghèo trở thành hộ cận nghèo"),
                (1, 8, 1, 9, "Số hộ bổ sung trong năm"),
                (2, 8, 2, 8, "Tái cận nghèo"),
                (2, 9, 2, 9, "Phát sinh mới"),
            ),
            numbers=_MOVEMENT_NUMBERS,
            columns={
                "start": 3,
                "escaped": 4,
                "to_poor": 5,
                "other_decrease": 6,
                "from_poor": 7,
                "relapsed": 8,
                "new": 9,
                "other_increase": 10,
                "end": 11,
            },
            is_movement=True,
        ),
    }
)


def write_official_form(sheet: Worksheet, styles: Styles, choices: Choices, request: Request) -> None:
    """Write an official form for the communes of the sender."""
    form = OFFICIAL_FORMS[request.contract.dataset]
    _write_head(sheet, styles, request, form)
    places = [(f"1.{number}", unit.name) for number, unit in enumerate(request.communes, start=1)]
    has_sum = request.unit is not None and request.unit.level == "district"
    if has_sum:
        places.insert(0, ("1", request.sender_name))
    else:
        places = [(str(number), name) for number, (_, name) in enumerate(places, start=1)]
    counted = ("Hộ", "Nhân khẩu") if form.is_movement else ("",)
    last = _FIRST + len(places) * len(counted) - 1
    for number, (tt, name) in enumerate(places):
        at = _FIRST + number * len(counted)
        is_sum = has_sum and number == 0
        _write_place(sheet, styles, at, (tt, name), counted, bold=is_sum)
        for offset in range(len(counted)):
            _write_figures(sheet, styles, form, at + offset, (_FIRST + len(counted), last) if is_sum else None)
    for name, index in form.columns.items():
        column = request.contract.column(name)
        choices.validate(sheet, (_FIRST + len(counted) * has_sum, index, last, index), column, [])
    sheet.freeze_panes(_FIRST, 3 if form.is_movement else 2)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_HEADINGS_AT, _FIRST - 1)


def _write_head(sheet: Worksheet, styles: Styles, request: Request, form: OfficialForm) -> None:
    centred = styles.plain(bold=True, align="center")
    sheet.write_string(0, 1, "ỦY BAN NHÂN DÂN", centred)
    sheet.write_string(1, 1, request.sender_name.upper(), centred)
    sheet.write_string(0, 5, "CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM", centred)
    sheet.write_string(1, 5, "Độc lập - Tự do - Hạnh phúc", centred)
    sheet.write_string(3, 1, request.contract.title_vi.upper(), styles.plain(bold=True, font_size=14))
    sheet.write_string(4, 1, request.period_title, styles.plain(italic=True))
    for first_row, first, last_row, last, text in form.headings:
        area = (_HEADINGS_AT + first_row, first, _HEADINGS_AT + last_row, last)
        if (first_row, first) == (last_row, last):
            sheet.write_string(area[0], first, text, styles.heading())
        else:
            sheet.merge_range(*area, text, styles.heading())
    for index, number in enumerate(form.numbers):
        sheet.write_string(_FIRST - 1, index, number, styles.number_row())
    for row, height in zip(range(_HEADINGS_AT, _FIRST - 1), (34, 64, 64), strict=True):
        sheet.set_row(row, height)
    sheet.set_column(0, 0, 7)
    sheet.set_column(1, 1, 26)
    sheet.set_column(2, len(form.numbers) - 1, 14)


def _write_place(
    sheet: Worksheet, styles: Styles, row: int, place: tuple[str, str], counted: Sequence[str], *, bold: bool
) -> None:
    """Number and name of a place, merged over its rows, and what each row counts."""
    text = styles.plain(border=1, valign="vcenter", num_format="@", bold=bold)
    for index, value in enumerate(place):
        if len(counted) > 1:
            sheet.merge_range(row, index, row + len(counted) - 1, index, value, text)
        else:
            sheet.write_string(row, index, value, text)
    for offset, what in enumerate(counted):
        if what:
            sheet.write_string(row + offset, 2, what, text)


def _write_figures(
    sheet: Worksheet, styles: Styles, form: OfficialForm, row: int, summed: tuple[int, int] | None
) -> None:
    """The cells of one row: blank to fill, or formulas: sums over the rows `summed`, rates, and the closing count."""
    figure = styles.plain(border=1, valign="vcenter", num_format="#,##0", bold=summed is not None)
    for name, index in form.columns.items():
        letter = xl_col_to_name(index)
        if summed is not None:
            first, last = summed[0] + 1, summed[1] + 1
            formula = f"=SUM({letter}{first}:{letter}{last})"
            if form.is_movement:
                formula = f"=SUMIF($C${first}:$C${last},C{row + 1},{letter}${first}:{letter}${last})"
            sheet.write_formula(row, index, formula, figure)
        elif form.is_movement and name == "end":
            cells = [xl_rowcol_to_cell(row, column) for column in range(3, 11)]
            sheet.write_formula(
                row, index, "=" + "".join(map("".join, zip(" ---++++", cells, strict=True))).strip(), figure
            )
        else:
            sheet.write_blank(row, index, None, figure)
    rate = styles.plain(border=1, valign="vcenter", num_format="0.00", bold=summed is not None)
    for index, (part, whole) in form.rates.items():
        of, over = xl_rowcol_to_cell(row, part), xl_rowcol_to_cell(row, whole)
        sheet.write_formula(row, index, f"=IF(N({over})=0,0,ROUND({of}/{over}*100,2))", rate)
