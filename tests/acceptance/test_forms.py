"""The official forms of the sample night: the views hold together, and the workbooks say what the views say."""

import csv
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from python_calamine import CalamineWorkbook

from ingestion import forms
from ingestion.check import check_file
from ingestion.contract import load_contracts
from ingestion.forms import FormsError, WrittenForms, write_forms
from ingestion.official_forms import sheet
from ingestion.official_forms.layout import FORM_NUMBERS, REPORTED_FORMS, OfficialForm, official_forms
from ingestion.read import read_file
from ingestion.settings import Settings

EXPECTED = Path(__file__).parent / "expected"
STANDARD = "2021-2025"
FORMS = official_forms(STANDARD)
KEYS = 9  # columns of a view before the form's own, and before what tells the rows of one place apart
Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def query(sample_night: str) -> Query:
    def run(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(sample_night) as db:
            return db.execute(statement, values or None).fetchall()

    return run


@pytest.fixture(scope="module")
def written(sample_night: str, tmp_path_factory: pytest.TempPathFactory) -> WrittenForms:
    """The forms of the province in 2023."""
    (found,) = write_forms(sample_night, "2023", tmp_path_factory.mktemp("forms"))
    return found


def expected(name: str) -> list[dict[str, str]]:
    with (EXPECTED / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- the views ---


def test_results_and_movements_are_those_expected(query: Query) -> None:
    results = query(
        "select period_code, admin_unit_code, district_code, poor_household_count, near_poor_household_count,"
        " household_count from mart.rpt_form_01 where admin_unit_level = 'commune'"
    )
    rows = expected("households")
    assert sorted(results) == sorted(
        (row["year"], row["commune_code"], row["district_code"], int(row["poor"]), int(row["near_poor"]),
         int(row["household_count"]))
        for row in rows
    )  # fmt: skip
    for number, kind in ((2, "poor"), (3, "near_poor")):
        columns = [name for name in expected("movements")[0] if name.startswith(f"{kind}_")]
        columns = [name for name in columns if kind == "near_poor" or not name.startswith("near_poor_")]
        moved = query(
            f"select period_code, admin_unit_code, counted, {', '.join(columns)} from mart.rpt_form_{number:02d}"
            " where admin_unit_level = 'commune'"
        )
        assert sorted(moved) == sorted(
            (row["year"], row["commune_code"], row["counted"], *(int(row[name]) for name in columns))
            for row in expected("movements")
        )


def test_deprivations_of_the_province_are_those_expected(query: Query) -> None:
    names: dict[int, str] = dict(
        query("select form_number, deprivation_code from mart.dim_deprivation where standard_code = %s", STANDARD)
    )
    counted = {
        (row[0], names[number]): count
        for row in query("select period_code, * from mart.rpt_form_04 where admin_unit_level = 'province'")
        for number, count in enumerate(row[1 + KEYS + 2 :][:12], start=1)
    }
    wanted = {(row["year"], row["deprivation"]): int(row["poor_households"]) for row in expected("deprivations")}
    assert counted == wanted


PLACE = "period_code, standard_code, admin_unit_code"
IDENTITIES = {
    "households that end the year poor are those of the results": f"""
        select * from mart.rpt_form_01 as r inner join mart.rpt_form_02 as m using ({PLACE})
        where case m.counted when 'households' then r.poor_household_count else r.poor_member_count end
            <> m.poor_end""",
    "households that end the year near-poor are those of the results": f"""
        select * from mart.rpt_form_01 as r inner join mart.rpt_form_03 as m using ({PLACE})
        where case m.counted when 'households' then r.near_poor_household_count else r.near_poor_member_count end
            <> m.near_poor_end""",
    "households: column 9=1-2-3-4+5+6+7+8": """
        select * from mart.rpt_form_02
        where counted = 'households' and poor_end is distinct from poor_start - poor_to_near_poor - poor_to_above
            - poor_other_decrease + poor_from_near_poor + poor_relapsed + poor_new + poor_other_increase""",
    "what leaves one form enters the other": f"""
        select * from mart.rpt_form_02 as p inner join mart.rpt_form_03 as n using ({PLACE}, counted)
        where p.poor_to_near_poor <> n.near_poor_from_poor or p.poor_from_near_poor <> n.near_poor_to_poor""",
    "the start is the end of the year before": """
        select * from mart.rpt_form_02 as this
        inner join mart.rpt_form_02 as last
            on this.period_code::integer = last.period_code::integer + 1
            and (this.standard_code, this.admin_unit_code, this.counted)
                = (last.standard_code, last.admin_unit_code, last.counted)
        where this.poor_start <> last.poor_end""",
    "form 4 has the households of form 1": f"""
        select * from mart.rpt_form_01 as r inner join mart.rpt_form_04 as d using ({PLACE})
        inner join mart.rpt_form_06 as n using ({PLACE})
        where d.poor_household_count <> r.poor_household_count
            or n.near_poor_household_count <> r.near_poor_household_count""",
    "the poor lack three services at least": """
        select * from mart.rpt_form_04 where deprivation_count < 3 * poor_household_count
            or deprivation_count <> deprivation_01_count + deprivation_02_count + deprivation_03_count
                + deprivation_04_count + deprivation_05_count + deprivation_06_count + deprivation_07_count
                + deprivation_08_count + deprivation_09_count + deprivation_10_count + deprivation_11_count
                + deprivation_12_count""",
    "form 5 is form 4 by its total": f"""
        select * from mart.rpt_form_04 as c inner join mart.rpt_form_05 as r using ({PLACE})
        where (c.poor_household_count = 0) <> (r.deprivation_07_rate is null)
            or abs(r.deprivation_07_rate * c.poor_household_count - 100 * c.deprivation_07_count) > 1e-9""",
    "ethnic groups are all": """
        select * from mart.rpt_form_09 where kinh_poor_household_count + ethnic_minority_poor_household_count
                <> poor_household_count
            or ede_poor_household_count + ma_poor_household_count + muong_poor_household_count
                + thai_poor_household_count + mnong_poor_household_count + tay_poor_household_count
                + nung_poor_household_count + mong_poor_household_count + dao_poor_household_count
                + hoa_poor_household_count + san_chay_poor_household_count + san_diu_poor_household_count
                + lo_lo_poor_household_count + other_poor_household_count <> ethnic_minority_poor_household_count""",
    "groups and forms agree on who is of a minority": f"""
        select * from mart.rpt_form_08 as g inner join mart.rpt_form_09 as e using ({PLACE})
        inner join mart.rpt_form_12 as p using ({PLACE}) inner join mart.rpt_form_13 as n using ({PLACE})
        where g.counted = 'households' and (
            g.ethnic_minority_poor_count <> e.ethnic_minority_poor_household_count
            or g.ethnic_minority_poor_count <> p.ethnic_minority_poor_household_count
            or g.ethnic_minority_near_poor_count <> n.ethnic_minority_near_poor_household_count
            or g.merit_poor_count <> p.merit_poor_household_count)""",
    "a cause has no more households than there are": f"""
        select * from mart.rpt_form_10 as c inner join mart.rpt_form_01 as r using ({PLACE})
        where c.class_group_code = 'poor' and (c.no_land_household_count > r.poor_household_count
            or c.untold_household_count <> 0)""",
    "children that lack something are children": """
        select * from mart.rpt_form_11 where poor_health_deprived_child_count > poor_child_count
            or near_poor_education_deprived_child_count > near_poor_child_count""",
    "households of all kinds are the resident ones": f"""
        select * from mart.rpt_form_12 as p inner join mart.rpt_form_01 as r using ({PLACE})
        where p.kinh_household_count + p.ethnic_minority_household_count <> r.household_count
            or r.household_count < r.poor_household_count + r.near_poor_household_count
                + r.average_living_household_count""",
}  # fmt: skip


@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_forms_agree(query: Query, identity: str) -> None:
    assert query(IDENTITIES[identity]) == []


@pytest.mark.parametrize("number", FORM_NUMBERS)
def test_a_subtotal_is_the_sum_of_what_it_covers(query: Query, number: int) -> None:
    """Of every count, for the district its communes and for the province its districts; and every year is there."""
    view = f"rpt_form_{number:02d}"
    columns = query(
        "select column_name from information_schema.columns where table_schema = 'mart' and table_name = %s"
        " and data_type = 'bigint'",
        view,
    )
    sums = ", ".join(f"sum({name})" for (name,) in columns)
    part = FORMS[number].part_column or "''"
    rows = {
        level: query(
            f"select period_code, {part}, {'district_code' if level != 'province' else 'province_code'}, {sums}"
            f" from mart.{view} where admin_unit_level = '{level}' group by 1, 2, 3 order by 1, 2, 3"
        )
        for level in ("commune", "district", "province")
    }
    by_province = query(
        f"select period_code, {part}, province_code, {sums} from mart.{view} where admin_unit_level = 'district'"
        " group by 1, 2, 3 order by 1, 2, 3"
    )
    assert rows["commune"] == rows["district"]
    assert by_province == rows["province"]
    assert {row[0] for row in rows["province"]} == {"2022", "2023", "2024"}


def test_every_column_has_its_vietnamese_heading(query: Query) -> None:
    told = query(
        "select c.relname, a.attname, col_description(c.oid, a.attnum) from pg_class as c inner join pg_attribute as a"
        " on a.attrelid = c.oid and a.attnum > 0 where c.relnamespace = 'mart'::regnamespace"
        " and c.relname like 'rpt\\_form\\_%'"
    )
    assert {row[0] for row in told} == {f"rpt_form_{number:02d}" for number in FORM_NUMBERS}
    assert [row for row in told if not row[2]] == []


def test_results_are_counted_and_declared_side_by_side(query: Query) -> None:
    assert query(
        "select count(*), count(submission_id), count(*) filter (where gap_poor_household_count <> 0"
        " or gap_near_poor_household_count <> 0 or gap_household_count <> 0 or gap_poor_member_count <> 0)"
        " from mart.fct_review_result"
    ) == [(126, 126, 0)]


# --- the workbooks ---


def figures_of(query: Query, form: OfficialForm, place: str, code: str) -> list[tuple[Any, ...]]:
    """What the view says of each row of the form, in the form's order."""
    order = "row_order"
    skipped = KEYS
    if form.part_column:
        codes = [part for part, _ in form.parts]
        order += f", array_position(array{codes}, {form.part_column})"
        skipped += 1
    rows = query(
        f"select * from mart.rpt_form_{form.number:02d} where period_code = '2023' and standard_code = '{STANDARD}'"
        f" and {place} = '{code}' order by {order}"
    )
    return [row[skipped : skipped + form.width - form.lead] for row in rows]


@pytest.mark.parametrize("number", FORM_NUMBERS)
def test_a_workbook_says_what_the_view_says(query: Query, written: WrittenForms, number: int) -> None:
    form = FORMS[number]
    workbook = CalamineWorkbook.from_path(written.paths[number - 1])
    assert workbook.sheet_names == ["Sheet1"]
    lines = workbook.get_sheet_by_name("Sheet1").to_python(skip_empty_area=False)
    first = 7 + form.heading_rows + bool(form.numbers)
    wanted = figures_of(query, form, "province_code", "24")
    assert len(wanted) == 45 * len(form.parts)
    for line, figures in zip(lines[first:], wanted, strict=False):
        shown = [None if cell == "" else cell for cell in line[form.lead : form.width]]
        assert shown == [value if value is None else pytest.approx(float(value), abs=1e-9) for value in figures]
    # the province is the last, and below it nothing is a figure
    total = lines[first + len(wanted) - len(form.parts)]
    assert total[:2] == ["", "Tổng cộng"]
    assert not any(isinstance(cell, float) for line in lines[first + len(wanted) :] for cell in line)


@pytest.mark.parametrize("number", FORM_NUMBERS)
def test_a_workbook_is_laid_out_as_the_ministry_does(written: WrittenForms, number: int) -> None:
    form = FORMS[number]
    book = openpyxl.load_workbook(written.paths[number - 1])
    (page,) = book.worksheets
    top = 8 + form.heading_rows
    first = top + bool(form.numbers)
    assert page["A2"].value == "ỦY BAN NHÂN DÂN"
    assert page["A3"].value == "TỈNH BẮC GIANG"
    assert {cell.value for row in page.iter_rows(min_row=2, max_row=3) for cell in row} >= {
        "CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
    }
    assert page["A5"].value == form.title
    assert "Năm 2023" in page["A6"].value
    assert STANDARD in page["A6"].value
    assert "42/209" in page["A7"].value  # on how many communes the figures rest
    merged = {str(area) for area in page.merged_cells.ranges}
    assert f"A8:A{7 + form.heading_rows}" in merged
    if form.numbers:
        assert [cell.value for cell in page[top]][: form.width] == list(form.numbers)
    assert (page.page_setup.orientation, page.page_setup.fitToHeight) == ("landscape", 0)
    assert page.sheet_properties.pageSetUpPr.fitToPage
    assert page.print_title_rows == f"$8:${first - 1}"
    # a district is bold, its communes are not, and numbers are those of the form
    step = len(form.parts)
    assert [page.cell(first + step * place, 1).value for place in (0, 1, 2)] == ["1", "1.1", "1.2"]
    assert [page.cell(first + step * place, 2).font.bold for place in (0, 1)] == [True, False]
    if form.has_parts_beside:
        assert {f"A{first}:A{first + 1}", f"B{first}:B{first + 1}"} <= merged
        assert [page.cell(first + offset, 3).value for offset in (0, 1)] == ["Hộ", "Nhân khẩu"]
    formats = [page.cell(first, column + 1).number_format for column in range(form.lead, form.width)]
    assert formats == ["0.00" if column in form.rates else "#,##0" for column in range(form.lead, form.width)]
    last = [str(cell.value) for row in page.iter_rows(min_row=page.max_row - 4) for cell in row if cell.value]
    assert {"NGƯỜI LẬP BIỂU", "TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH"} <= set(last)


def test_titles_are_those_of_the_reports() -> None:
    for dataset, form in REPORTED_FORMS.items():
        assert form.title == load_contracts()[dataset].title_vi.upper()
    assert {number: form.title for number, form in FORMS.items() if number in (5, 10)} == {
        5: "PHÂN TÍCH TỶ LỆ CÁC CHỈ SỐ THIẾU HỤT DỊCH VỤ XÃ HỘI CƠ BẢN CỦA HỘ NGHÈO",
        10: "10. Phân tích hộ nghèo, hộ cận nghèo theo nguyên nhân nghèo",
    }
    assert FORMS[12].title == FORMS[13].title


def test_a_standard_has_the_columns_of_its_own_list() -> None:
    assert official_forms("2016-2020")[4].headings[-1][-1] == "10"
    assert FORMS[4].headings[-1][-1] == "12"
    assert set(FORM_NUMBERS) - set(official_forms("2011-2015")) == {4, 5, 6, 7}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_our_own_reader_reads_the_very_figures(sample_night: str, query: Query, tmp_path: Path, number: int) -> None:
    """What is written for a district reads as its report, and the gate has nothing critical to say of it."""
    (district,) = write_forms(sample_night, "2023", tmp_path / "forms", numbers=[number], place_code="220")
    sent = tmp_path / "huyen-220" / "2023" / "form.xlsx"
    sent.parent.mkdir(parents=True)
    shutil.copy(district.paths[0], sent)
    (report,) = read_file(sent, sender_code="huyen-220", period_code="2023", province="24", today=date(2026, 1, 1))
    assert (report.findings, report.unread.height, report.dataset) == ([], 0, list(REPORTED_FORMS)[number - 1])
    form = FORMS[number]
    wanted = [
        tuple(row[index - form.lead] for index in form.columns.values())
        for row in figures_of(query, form, "district_code", "220")[len(form.parts) :]
    ]
    assert report.rows.select(*form.columns).rows() == wanted
    assert report.row_count == 17 * len(form.parts)
    settings = Settings(home=tmp_path / "home", warehouse_url=sample_night)
    (checked,) = check_file(sent, "huyen-220", "2023", url=sample_night, settings=settings)
    assert checked.is_accepted
    assert [point.rule_id for point in checked.content.points if point.severity != "warning"] == []


def test_the_same_figures_are_the_same_bytes_and_only_own_files_are_touched(
    sample_night: str, written: WrittenForms, tmp_path: Path
) -> None:
    kept = tmp_path / "ghi chú.xlsx"
    kept.write_bytes(b"not ours")
    older = tmp_path / written.paths[0].name
    older.write_bytes(b"an older form")
    (again,) = write_forms(sample_night, "2023", tmp_path)
    assert [path.name for path in again.paths] == [path.name for path in written.paths]
    assert [path.read_bytes() for path in again.paths] == [path.read_bytes() for path in written.paths]
    assert kept.read_bytes() == b"not ours"
    assert {path.name for path in tmp_path.iterdir()} == {kept.name, *(path.name for path in again.paths)}
    assert written.paths[3].name == "2023_2021-2025_24-tinh-bac-giang_bieu-04.xlsx"
    created = openpyxl.load_workbook(written.paths[0]).properties.created
    assert created is not None
    assert created.date() == date(2023, 12, 31)


def test_all_are_written_or_none(sample_night: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = sheet.draw_foot

    def full_disk(*arguments: Any) -> None:
        if arguments[2].number == 3:
            raise OSError(28, "No space left on device")
        draw(*arguments)

    monkeypatch.setattr(forms, "draw_foot", full_disk)
    with pytest.raises(FormsError, match="Không ghi được"):
        write_forms(sample_night, "2023", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_has_its_own_form(sample_night: str, tmp_path: Path) -> None:
    (commune,) = write_forms(sample_night, "2024", tmp_path, numbers=[2], place_code="07813")
    page = openpyxl.load_workbook(commune.paths[0])["Sheet1"]
    assert [cell.value for cell in page[12]][:3] == ["1", "Xã Đồng Tân", "Hộ"]
    assert page["A3"].value == "XÃ ĐỒNG TÂN"
    assert (commune.commune_count, commune.missing) == (1, ())
    assert [page.cell(row, 2).value for row in range(14, page.max_row + 1)].count("Tổng cộng") == 0


@pytest.mark.parametrize(
    ("period", "options", "said"),
    [
        ("2023-S1", {}, "hãy chọn 2023"),
        ("hai nghìn", {}, "Không có kỳ báo cáo"),
        ("2019", {}, "đã có: 2022, 2023, 2024"),
        ("2023", {"standard_code": "2016-2020"}, "đã có: 2021-2025"),
        ("2023", {"place_code": "999"}, "không có số liệu của địa bàn '999'"),
        ("2023", {"numbers": (14,)}, "Không có biểu số 14"),
    ],
)
def test_what_cannot_be_written_is_said(
    sample_night: str, tmp_path: Path, period: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(FormsError, match=said) as told:
        write_forms(sample_night, period, tmp_path / "out", **options)
    assert " / " in str(told.value)  # Vietnamese, then English
    assert not (tmp_path / "out").exists()


def test_nothing_is_published_yet(warehouse_url: str, tmp_path: Path) -> None:
    with pytest.raises(FormsError, match="Chưa công bố"):
        write_forms(warehouse_url, "2023", tmp_path)


def test_rates_are_of_sums(query: Query) -> None:
    ((poor, households, rate),) = query(
        "select poor_household_count, household_count, poor_household_rate from mart.rpt_form_01"
        " where period_code = '2023' and admin_unit_level = 'province'"
    )
    assert abs(rate - Decimal(100 * poor) / households) < Decimal("1e-9")
