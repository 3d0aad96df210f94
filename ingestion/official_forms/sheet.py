"""How a sheet of an official form is drawn: letterhead, title, headings, the cells that name a place, the print setup.

What stands in the cells of figures is the business of the caller.
"""

from collections.abc import Sequence

from xlsxwriter.worksheet import Worksheet

from ingestion.official_forms.layout import OfficialForm
from ingestion.templating.styles import Styles

_HEADINGS_AT = 7
_HEADING_HEIGHTS = (34, 64, 64)
_LEGEND_HEIGHT = 34
_A4 = 9
_DAY = "…………, ngày …… tháng …… năm"


def first_row(form: OfficialForm) -> int:
    """Index of the first row below the headings and the column numbers."""
    return _HEADINGS_AT + form.heading_rows + bool(form.numbers)


def draw_head(
    sheet: Worksheet, styles: Styles, form: OfficialForm, authority: str, subtitle: str, note: str = ""
) -> None:
    """Letterhead of `authority`, title, what the form is of, headings, column numbers; and how it is printed."""
    centred = styles.plain(bold=True, align="center")
    left, right = form.lead, form.width - 1
    middle = max(left + 1, right - 6)
    for row, (text, motto) in enumerate(
        (
            ("ỦY BAN NHÂN DÂN", "CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM"),
            (authority.upper(), "Độc lập - Tự do - Hạnh phúc"),
        ),
        start=1,
    ):
        sheet.merge_range(row, 0, row, left, text, centred)
        sheet.merge_range(row, middle, row, right, motto, centred)
    sheet.merge_range(4, 0, 4, right, form.title, styles.plain(bold=True, font_size=14, align="center"))
    italic = styles.plain(italic=True, align="center")
    sheet.merge_range(5, 0, 5, right, subtitle, italic)
    if note:
        sheet.merge_range(6, 0, 6, right, note, italic)
    for first, column, last, last_column, text in form.headings:
        area = (_HEADINGS_AT + first, column, _HEADINGS_AT + last, last_column)
        if (first, column) == (last, last_column):
            sheet.write_string(area[0], column, text, styles.heading())
        else:
            sheet.merge_range(*area, text, styles.heading())
    for index, number in enumerate(form.numbers):
        sheet.write_string(first_row(form) - 1, index, number, styles.number_row())
    for row, height in enumerate(_HEADING_HEIGHTS[: form.heading_rows], start=_HEADINGS_AT):
        sheet.set_row(row, height)
    sheet.set_column(0, 0, 7)
    sheet.set_column(1, 1, 26)
    sheet.set_column(2, form.width - 1, 14 if form.width < 20 else 10)
    sheet.freeze_panes(first_row(form), form.lead)
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_HEADINGS_AT, first_row(form) - 1)


def draw_place(
    sheet: Worksheet, styles: Styles, form: OfficialForm, row: int, place: tuple[str, str], *, bold: bool = False
) -> None:
    """Number and name of a place, and what each of its rows counts."""
    text = styles.plain(border=1, valign="vcenter", num_format="@", bold=bold)
    labels = [label for _, label in form.parts]
    if form.has_parts_beside:
        for column, value in enumerate(place):
            sheet.merge_range(row, column, row + len(labels) - 1, column, value, text)
        for offset, label in enumerate(labels):
            sheet.write_string(row + offset, 2, label, text)
        return
    for column, value in enumerate(place):
        sheet.write_string(row, column, value, text)
    below = styles.plain(border=1, valign="vcenter", num_format="@", indent=1)
    for offset, label in enumerate(labels[1:], start=1):
        sheet.write_string(row + offset, 0, "", below)
        sheet.write_string(row + offset, 1, label, below)


def draw_foot(sheet: Worksheet, styles: Styles, form: OfficialForm, row: int, year: int) -> None:
    """What explains the columns, and where it is signed, from `row` on."""
    if form.legend:
        sheet.merge_range(row, 0, row, form.width - 1, form.legend, styles.plain(italic=True, text_wrap=True))
        sheet.set_row(row, _LEGEND_HEIGHT)
        row += 2
    centred, bold = styles.plain(align="center", italic=True), styles.plain(align="center", bold=True)
    right = form.width - 1
    middle = max(form.lead + 1, right - 6)
    signed: Sequence[tuple[str, str]] = (
        ("", f"{_DAY} {year}"),
        ("NGƯỜI LẬP BIỂU", "TM. ỦY BAN NHÂN DÂN"),
        ("(Ký, ghi rõ họ tên)", "CHỦ TỊCH"),
        ("", "(Ký, ghi rõ họ tên, đóng dấu)"),
    )
    for offset, (maker, signer) in enumerate(signed):
        is_bold = maker.isupper() or signer.isupper()
        if maker:
            sheet.merge_range(row + offset, 0, row + offset, form.lead, maker, bold if maker.isupper() else centred)
        sheet.merge_range(row + offset, middle, row + offset, right, signer, bold if is_bold else centred)
