"""Forms: the official forms of a year as workbooks in the ministry's layout, filled from the published views.

The same published figures give the same bytes. Either every workbook asked for is written, or none.
"""

import re
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from ingestion.official_forms.layout import FORM_NUMBERS, OfficialForm, official_forms
from ingestion.official_forms.sheet import draw_foot, draw_head, draw_place, first_row
from ingestion.period import Period
from ingestion.place import AdminUnit, Level, communes_in, find_unit
from ingestion.templating.styles import Styles
from ingestion.text import fold, without_accents
from ingestion.warehouse import create_engine

_LEVEL_COLUMNS = {2: "province_code", 3: "district_code", 5: "admin_unit_code"}
"""By the length of a place's code, the column that tells the rows of its form."""

_NOT_FIGURES = frozenset(
    {
        *("period_code", "standard_code", "province_code", "district_code", "admin_unit_level", "admin_unit_code"),
        *("row_order", "tt", "admin_unit_name", "commune_count"),
    }
)


class FormsError(ValueError):
    """The forms cannot be written; the message says why, Vietnamese first."""


@dataclass(frozen=True, slots=True)
class WrittenForms:
    """The workbooks of one place and poverty standard, and on how many of its communes they rest."""

    standard_code: str
    place: AdminUnit
    paths: tuple[Path, ...]
    commune_count: int
    missing: tuple[AdminUnit, ...]
    left_out: tuple[int, ...]
    """Forms asked for that this standard does not know."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A form of one place, with the rows of its view."""

    form: OfficialForm
    rows: Sequence[Mapping[str, Any]]


def write_forms(
    url: str,
    period_code: str,
    out: Path,
    *,
    standard_code: str | None = None,
    numbers: Collection[int] = (),
    place_code: str | None = None,
) -> list[WrittenForms]:
    """Write the forms of a year to a folder: for each poverty standard of the year and each province, or one of them.

    `numbers` are those of the forms wanted, all when empty. Raises FormsError.
    """
    period = _year(period_code)
    if unknown := set(numbers) - set(FORM_NUMBERS):
        raise FormsError(
            f"Không có biểu số {_list(unknown)}; các biểu là 1 đến 13. / There is no form {_list(unknown)};"
            " the forms are 1 to 13."
        )
    engine = create_engine(url)
    try:
        # one snapshot: a night that publishes meanwhile must not mix two states
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            published = _published(connection, period, standard_code, place_code)
            wanted = {
                (standard, place): _read(connection, period, standard, place, numbers) for standard, place in published
            }
    finally:
        engine.dispose()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".forms-") as folder:
            written = [
                _write(Path(folder), period, standard, place, forms, numbers)
                for (standard, place), forms in wanted.items()
            ]
            return [_moved(each, out) for each in written]
    except OSError as error:
        raise FormsError(
            f"Không ghi được vào {out}: {error.strerror}. / Cannot write to {out}: {error.strerror}."
        ) from error


def _year(period_code: str) -> Period:
    try:
        period = Period.parse(period_code)
    except ValueError:
        raise FormsError(
            f"Không có kỳ báo cáo {period_code!r}; cần một năm, ví dụ 2023. / No period {period_code!r}; expected a"
            " year, e.g. 2023."
        ) from None
    if period.cadence != "A":
        raise FormsError(
            f"Biểu chính thức lập theo năm: không có biểu của kỳ {period_code}, hãy chọn {period.year}. / The official"
            f" forms are of a year: there are none of {period_code}, ask for {period.year}."
        )
    return period


def _published(
    connection: sa.Connection, period: Period, standard_code: str | None, place_code: str | None
) -> list[tuple[str, AdminUnit]]:
    """Each standard and place of which there are figures and forms are wanted."""
    if connection.scalar(sa.text("select to_regclass('mart.rpt_form_01') is null")):
        raise FormsError("Chưa công bố số liệu nào. / Nothing has been published yet.")
    known = connection.execute(
        sa.text("select distinct period_code, standard_code, province_code from mart.fct_review_result"
                " where poor_household_count is not null order by 1, 2, 3")
    ).all()  # fmt: skip
    here = [row for row in known if row.period_code == period.code]
    if not here:
        years = _list({row.period_code for row in known}) or "–"
        raise FormsError(
            f"Chưa công bố danh sách hộ nào của năm {period.code}; đã có: {years}. / No household list of"
            f" {period.code} is published; there are: {years}."
        )
    standards = sorted({row.standard_code for row in here})
    if standard_code is not None and standard_code not in standards:
        raise FormsError(
            f"Năm {period.code} không có số liệu theo chuẩn nghèo {standard_code!r}; đã có: {_list(standards)}. /"
            f" {period.code} has no figures under the standard {standard_code!r}; there are: {_list(standards)}."
        )
    wanted = {(row.standard_code, row.province_code) for row in here if standard_code in (None, row.standard_code)}
    if place_code is None:
        return [(standard, _unit(province, period)) for standard, province in sorted(wanted)]
    view = _view(1)
    found: Sequence[str] = connection.scalars(
        sa.select(view.c.standard_code).distinct().where(view.c.period_code == period.code, _is_in(view, place_code))
    ).all()
    places = [(standard, _unit(place_code, period)) for standard in found if standard_code in (None, standard)]
    if not places:
        raise FormsError(
            f"Năm {period.code} không có số liệu của địa bàn {place_code!r} (mã tỉnh, huyện hoặc xã). / {period.code}"
            f" has no figures of the place {place_code!r} (code of a province, district or commune)."
        )
    return places


def _unit(code: str, period: Period) -> AdminUnit:
    levels: tuple[Level, ...] = ("province", "district", "commune")
    units = (find_unit(level, code, period.end) for level in levels)
    unit = next(filter(None, units), None)
    if unit is None:
        raise FormsError(
            f"Mã địa bàn {code!r} không có trong danh mục. / The place {code!r} is not in the list of units."
        )
    return unit


def _list(codes: Iterable[object]) -> str:
    return ", ".join(map(str, sorted(codes, key=str)))


def _read(
    connection: sa.Connection, period: Period, standard_code: str, place: AdminUnit, numbers: Collection[int]
) -> list[_Wanted]:
    found: list[_Wanted] = []
    for form in official_forms(standard_code).values():
        if form.number not in (numbers or FORM_NUMBERS):
            continue
        view = _view(form.number)
        rows = connection.execute(
            sa.select(sa.text("*"))
            .select_from(view)
            .where(view.c.period_code == period.code, view.c.standard_code == standard_code, _is_in(view, place.code))
            .order_by(view.c.row_order)
        )
        found.append(_Wanted(form, [dict(row) for row in rows.mappings()]))
    return found


def _view(number: int) -> sa.TableClause:
    """The view of a form, with the columns that its rows are chosen by."""
    chosen_by = ("period_code", "standard_code", "row_order", *_LEVEL_COLUMNS.values())
    return sa.table(f"rpt_form_{number:02d}", *map(sa.column, chosen_by), schema="mart")


def _is_in(view: sa.TableClause, place_code: str) -> sa.ColumnElement[bool]:
    """The rows of a place's form: the place and what lies in it."""
    return view.c[_LEVEL_COLUMNS.get(len(place_code), "admin_unit_code")] == place_code


def _write(
    folder: Path,
    period: Period,
    standard_code: str,
    place: AdminUnit,
    forms: Sequence[_Wanted],
    numbers: Collection[int],
) -> WrittenForms:
    communes = communes_in(place.code, period.end).units
    reported = {
        row["admin_unit_code"] for wanted in forms[:1] for row in wanted.rows if row["admin_unit_level"] == "commune"
    }
    missing = tuple(commune for commune in communes if commune.code not in reported)
    note = ""
    if missing:
        note = f"Số liệu của {len(reported)}/{len(communes)} xã, phường, thị trấn đã có danh sách hộ được chấp nhận"
    name = "-".join(re.findall(r"\w+", without_accents(fold(place.name))))
    paths = []
    for wanted in forms:
        path = folder / f"{period.code}_{standard_code}_{place.code}-{name}_bieu-{wanted.form.number:02d}.xlsx"
        _write_workbook(path, period, standard_code, place, wanted, note)
        paths.append(path)
    left_out = sorted(set(numbers or FORM_NUMBERS) - {wanted.form.number for wanted in forms})
    return WrittenForms(standard_code, place, tuple(paths), len(reported), missing, tuple(left_out))


def _moved(written: WrittenForms, out: Path) -> WrittenForms:
    return WrittenForms(
        written.standard_code,
        written.place,
        tuple(path.replace(out / path.name) for path in written.paths),
        written.commune_count,
        written.missing,
        written.left_out,
    )


def _write_workbook(
    path: Path, period: Period, standard_code: str, place: AdminUnit, wanted: _Wanted, note: str
) -> None:
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    form = wanted.form
    with xlsxwriter.Workbook(path, options) as book:
        # the day of the figures, not of the writing: the same figures are the same bytes
        book.set_properties({"title": form.title, "created": datetime.combine(period.end, time())})
        styles = Styles(book)
        sheet = book.add_worksheet("Sheet1")
        subtitle = f"Năm {period.year} (theo chuẩn nghèo giai đoạn {standard_code})"
        draw_head(sheet, styles, form, place.name, subtitle, note)
        at = first_row(form)
        for _, rows in groupby(wanted.rows, key=itemgetter("row_order")):
            _write_place(sheet, styles, form, at, list(rows), place)
            at += len(form.parts)
        draw_foot(sheet, styles, form, at + 1, period.year)


def _write_place(
    sheet: Worksheet, styles: Styles, form: OfficialForm, at: int, rows: Sequence[Mapping[str, Any]], place: AdminUnit
) -> None:
    first = rows[0]
    level = first["admin_unit_level"]
    name = "Tổng cộng" if level == "province" else first["admin_unit_name"]
    bold = level != "commune"
    draw_place(sheet, styles, form, at, (_number(first["tt"], place), name), bold=bold)
    by_part = {row[form.part_column] if form.part_column else "": row for row in rows}
    for offset, (part, _) in enumerate(form.parts):
        figures = [value for column, value in by_part[part].items() if column not in {*_NOT_FIGURES, form.part_column}]
        for index in range(form.lead, form.width):
            value = figures[index - form.lead]
            style = styles.rate(bold=bold) if index in form.rates else styles.figure(bold=bold)
            if value is None:
                sheet.write_blank(at + offset, index, None, style)
            else:
                sheet.write_number(at + offset, index, float(value) if isinstance(value, Decimal) else value, style)


def _number(tt: str | None, place: AdminUnit) -> str:
    """The number of a row in the form of this place: that of the province counts its districts."""
    if tt is None:
        return ""
    if place.level == "province":
        return tt
    _, _, commune = tt.partition(".")
    return f"1.{commune}" if commune and place.level == "district" else "1"
