"""A blank official form for a sender: its communes under a row of their sum, rates and closing counts as formulas."""

from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from ingestion.official_forms.layout import REPORTED_FORMS, OfficialForm
from ingestion.official_forms.sheet import draw_head, draw_place, first_row
from ingestion.templating.choices import Choices
from ingestion.templating.request import Request
from ingestion.templating.styles import Styles


def write_official_form(sheet: Worksheet, styles: Styles, choices: Choices, request: Request) -> None:
    """Write an official form for the communes of the sender."""
    form = REPORTED_FORMS[request.contract.dataset]
    draw_head(sheet, styles, form, request.sender_name, request.period_title)
    places = [(f"1.{number}", unit.name) for number, unit in enumerate(request.communes, start=1)]
    has_sum = request.unit is not None and request.unit.level == "district"
    if has_sum:
        places.insert(0, ("1", request.sender_name))
    else:
        places = [(str(number), name) for number, (_, name) in enumerate(places, start=1)]
    first, step = first_row(form), len(form.parts)
    last = first + len(places) * step - 1
    for number, place in enumerate(places):
        at = first + number * step
        is_sum = has_sum and number == 0
        draw_place(sheet, styles, form, at, place, bold=is_sum)
        for row in range(at, at + step):
            _write_figures(sheet, styles, form, row, (first + step, last) if is_sum else None)
    for name, index in form.columns.items():
        column = request.contract.column(name)
        choices.validate(sheet, (first + step * has_sum, index, last, index), column, [])


def _write_figures(
    sheet: Worksheet, styles: Styles, form: OfficialForm, row: int, summed: tuple[int, int] | None
) -> None:
    """The cells of one row: blank to fill, or formulas: sums over the rows `summed`, rates, and the closing count."""
    figure = styles.figure(bold=summed is not None)
    for name, index in form.columns.items():
        letter = xl_col_to_name(index)
        if summed is not None:
            first, last = summed[0] + 1, summed[1] + 1
            formula = f"=SUM({letter}{first}:{letter}{last})"
            if form.has_parts_beside:
                formula = f"=SUMIF($C${first}:$C${last},C{row + 1},{letter}${first}:{letter}${last})"
            sheet.write_formula(row, index, formula, figure)
        elif form.has_parts_beside and name == "end":
            cells = [xl_rowcol_to_cell(row, column) for column in range(3, 11)]
            sheet.write_formula(
                row, index, "=" + "".join(map("".join, zip(" ---++++", cells, strict=True))).strip(), figure
            )
        else:
            sheet.write_blank(row, index, None, figure)
    rate = styles.rate(bold=summed is not None)
    for index, (part, whole) in form.rates.items():
        of, over = xl_rowcol_to_cell(row, part), xl_rowcol_to_cell(row, whole)
        sheet.write_formula(row, index, f"=IF(N({over})=0,0,ROUND({of}/{over}*100,2))", rate)
