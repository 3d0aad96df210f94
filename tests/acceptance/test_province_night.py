"""A night on a province that no sample shows: Cao Bằng over three poverty standards, two area systems and many layouts.

What is published is compared with the truth that the reports were made from.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from province_maker import Province, Row, reference, standards
from python_calamine import CalamineWorkbook
from report_maker import any_manner, csv_lines, lay_out, records, write_csv, write_json, write_xlsx

from ingestion import pipeline
from ingestion.forms import write_forms
from ingestion.settings import get_settings

HOME = Province("04", seed=1)
YEARS = ("2020", "2021", "2022", "2025")
QUARTERS = ("2022-Q1", "2025-Q2", "2025-Q3")
DISTRICTS = ("huyen-040", "huyen-043", "huyen-051")
AGENCIES = ("sldtbxh", "bhxh", "sxd")
Reports = dict[tuple[str, str, str, str], list[Row]]  # rows by sender, period, data set and standard


def reporters(period: str) -> list[str]:
    """Three districts, or twelve of the communes that report for themselves and took in none of theirs."""
    if period < "2025-Q3" and period != "2025":
        return list(DISTRICTS)
    ours = {place.code for district in DISTRICTS for place in HOME.of(district, "2022")}
    heirs = {line["new_commune_code"] for line in reference("admin_unit_successor") if line["old_commune_code"] in ours}
    return [sender for sender in HOME.senders(period) if sender.removeprefix("xa-") not in heirs | ours][:12]


def made() -> Reports:
    reports: Reports = {}
    classes: dict[str, dict[int, str]] = {}
    for year in YEARS:
        for sender in reporters(year):
            places = HOME.of(sender, year)
            reports[sender, year, "commune_profile", ""] = HOME.profiles(places, int(year))
            for standard in standards(int(year)):
                last = max(
                    (int(each) for each in YEARS if each < year and standard in standards(int(each))), default=None
                )
                rows = HOME.households(places, int(year), standard, per_commune=4, last_year=last)
                reports[sender, year, "household_review", standard] = rows
                for row in rows:  # of a year under two standards, the class under the earlier
                    classes.setdefault(row["household_code"], {}).setdefault(int(year), row["class_reported"])
    for quarter in QUARTERS:
        places = [place for sender in reporters(quarter) for place in HOME.of(sender, quarter)]
        reports["nhcsxh", quarter, "credit_loan", ""] = HOME.loans(places, quarter, count=40, classes=classes)
        for agency in AGENCIES:
            rows = HOME.supports(places, quarter, agency, count=20, classes=classes)
            reports[agency, quarter, "support_delivery", ""] = rows
    return reports


def put(inbox: Path, reports: Reports) -> None:
    """Write every report in a manner of its own."""
    for seed, ((sender, period, dataset, standard), rows) in enumerate(reports.items()):
        kind = ("xlsx", "xlsx", "csv", "json")[seed % 4]
        manner = any_manner(seed, kind)
        manner = replace(manner, unit=1 if manner.unit == 1_000 else manner.unit)
        path = inbox / sender / period / f"{dataset} {standard}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        grid = lay_out(dataset, rows, manner, standard=standard)
        if kind == "json":
            write_json(path, records(dataset, rows, manner, standard))
        elif kind == "csv":
            write_csv(path, grid)
            assert csv_lines(grid)
        else:
            write_xlsx(path, {"Biểu": grid})


Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def reports() -> Reports:
    return made()


@pytest.fixture(scope="module")
def query(warehouse_url: str, reports: Reports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    folder = tmp_path_factory.mktemp("cao-bang")
    put(folder / "inbox", reports)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(folder / "home"))
        patch.setenv("CHUNGTAY_WAREHOUSE_URL", warehouse_url)
        get_settings.cache_clear()
        pipeline.run_night("first", str(folder / "inbox"))
    get_settings.cache_clear()
    with psycopg.connect(warehouse_url) as db:
        yield lambda statement: db.execute(statement).fetchall()


def of(reports: Reports, dataset: str) -> Iterable[tuple[str, str, Row]]:
    """(period, standard, row) of every row of a data set."""
    for (_, period, name, standard), rows in reports.items():
        for row in rows if name == dataset else ():
            yield period, standard, row


def test_every_report_is_accepted_whole(query: Query, reports: Reports) -> None:
    found = query(
        "select sender_code, period_code, dataset, standard_code, row_count from ops.submission"
        " where status_code in ('accepted', 'accepted_with_findings') and held_row_count = 0"
    )
    assert sorted(found) == sorted((*key, len(rows)) for key, rows in reports.items())
    assert query("select rule, message_en from ops.finding where rule <> 'unknown_heading'") == []


def test_households_by_commune_year_standard_and_class(query: Query, reports: Reports) -> None:
    figures = query(
        "select period_code, standard_code, commune_code, class_code, count(*), sum(member_count),"
        " sum(income_per_capita_vnd) from mart.fct_household_review group by 1, 2, 3, 4"
    )
    rows = list(of(reports, "household_review"))
    counts, members, income = Counter[Any](), Counter[Any](), Counter[Any]()
    for period, standard, row in rows:
        key = period, standard, row["commune_code"], row["class_reported"]
        counts[key] += 1
        members[key] += row["member_count"]
        income[key] += row["income_per_capita"]
    assert sorted(figures) == sorted((*key, counts[key], members[key], income[key]) for key in counts)


def test_the_class_of_the_standard_is_the_class_reported(query: Query) -> None:
    assert query("select count(*) from mart.fct_household_review where class_code <> class_derived_code") == [(0,)]


def test_deprivations_by_year_and_standard(query: Query, reports: Reports) -> None:
    figures = query(
        "select review_year::text, standard_code, deprivation_code, count(*)"
        " from mart.fct_household_deprivation group by 1, 2, 3"
    )
    wanted = Counter(
        (period, standard, name.removeprefix("dep_"))
        for period, standard, row in of(reports, "household_review")
        for name, value in row.items()
        if name.startswith("dep_") and value
    )
    assert sorted(figures) == sorted((*key, count) for key, count in wanted.items())


def test_supports_to_the_dong(query: Query, reports: Reports) -> None:
    figures = query(
        "select period_code, sender_code, policy_code, count(*), sum(amount_vnd), sum(quantity) from mart.fct_support"
        " where status_code = 'delivered' group by 1, 2, 3"
    )
    counts, amounts, quantities = Counter[Any](), Counter[Any](), Counter[Any]()
    for (sender, period, dataset, _), rows in reports.items():
        for row in rows if dataset == "support_delivery" else ():
            if row["status"] == "delivered":
                key = period, sender, row["policy_code"]
                counts[key] += 1
                amounts[key] += row["amount"]
                quantities[key] += row["quantity"]
    assert sorted(figures) == sorted((*key, counts[key], amounts[key], quantities[key]) for key in counts)


def test_loans_to_the_dong_in_the_communes_of_their_time(query: Query, reports: Reports) -> None:
    figures = query(
        "select period_code, commune_code, credit_programme_code, count(*), sum(disbursed_vnd), sum(repaid_vnd),"
        " sum(outstanding_vnd), sum(overdue_vnd), sum(frozen_vnd) from mart.fct_credit_loan group by 1, 2, 3"
    )
    wanted: dict[tuple[str, str, str], list[Decimal]] = {}
    for period, _, row in of(reports, "credit_loan"):
        sums = wanted.setdefault((period, row["commune_code"], row["credit_programme_code"]), [Decimal(0)] * 6)
        names = ("disbursed_in_period", "repaid_in_period", "outstanding", "overdue", "frozen")
        for index, value in enumerate((1, *(row[name] for name in names))):
            sums[index] += value
    assert sorted(figures) == sorted((*key, *sums) for key, sums in wanted.items())


def test_the_poor_rate_of_each_commune_under_each_standard(query: Query, reports: Reports) -> None:
    figures = query(
        "select period_code, standard_code, admin_unit_code, numerator, denominator from mart.fct_indicator"
        " where indicator_code = 'poor_household_rate' and admin_unit_level = 'commune' and breakdown_code = ''"
    )
    households = {(p, row["commune_code"]): row["household_count"] for p, _, row in of(reports, "commune_profile")}
    poor = Counter[Any]()
    for period, standard, row in of(reports, "household_review"):
        poor[period, standard, row["commune_code"]] += row["class_reported"] == "poor"
    assert sorted(figures) == sorted((*key, count, households[key[0], key[2]]) for key, count in poor.items())


def test_2025_stands_in_communes_without_a_district(query: Query) -> None:
    assert query(
        "select distinct period_code, district_code is null or district_code = '' from mart.fct_household_review"
        " order by 1"
    ) == [("2020", False), ("2021", False), ("2022", False), ("2025", True)]
    assert query("select distinct province_code from mart.fct_household_review") == [("04",)]


@pytest.mark.parametrize(
    ("year", "of_standards", "first_places"),
    [("2021", ["2016-2020", "2021-2025"], ["1", "1.1", "1.2"]), ("2025", ["2021-2025"], ["1", "2", "3"])],
)
@pytest.mark.usefixtures("query")
def test_official_forms_of_two_standards_and_of_communes_without_a_district(
    year: str, of_standards: list[str], first_places: list[str], warehouse_url: str, reports: Reports, tmp_path: Path
) -> None:
    names = {place.code: place.name for place in HOME.communes(year)}
    written = write_forms(warehouse_url, year, tmp_path, numbers=[1, 4])
    assert [each.standard_code for each in written] == of_standards
    for each in written:
        truth = [row for *key, row in of(reports, "household_review") if key == [year, each.standard_code]]
        poor = [row for row in truth if row["class_reported"] == "poor"]
        count = Counter(row["commune_code"] for row in poor)
        results, deprivations = map(lines_of, each.paths)
        assert [line[0] for line in results[:3]] == first_places
        found = [(line[1], line[4]) for line in results if line[1] in names.values()]
        assert sorted(found) == sorted((names[code], count[code]) for code in {row["commune_code"] for row in truth})
        (total,) = (line for line in deprivations if line[1] == "Tổng cộng")
        lacking = sum(bool(value) for row in poor for name, value in row.items() if name.startswith("dep_"))
        assert (total[2], total[3], sum(filter(None, total[4:]))) == (len(poor), lacking, lacking)


def lines_of(workbook: Path) -> list[list[Any]]:
    """The rows of a form's places, and what stands below them."""
    lines: list[list[Any]] = CalamineWorkbook.from_path(workbook).get_sheet_by_name("Sheet1").to_python()
    first = next(index for index, line in enumerate(lines) if line[0] == "1" and line[1])
    return lines[first:]
