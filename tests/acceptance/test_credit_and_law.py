"""Credit and law on the sample night: balances, the law on the day of a contract, every review by every standard."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ingestion.settings import REFERENCE_DIR

EXPECTED = Path(__file__).parent / "expected"


@pytest.fixture(scope="module")
def connection(sample_night: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(sample_night) as connection:
        yield connection


def test_loans_open_move_and_close_to_the_dong(connection: psycopg.Connection[Any]) -> None:
    figures = connection.execute(
        """
        select period_code, district_code, credit_programme_code, sum(opening_vnd), sum(disbursed_vnd), sum(repaid_vnd),
            sum(closing_vnd), sum(gap_vnd), bool_and(balance_code = 'balanced')
        from mart.fct_credit_balance group by 1, 2, 3 order by 1, 2, 3
        """
    ).fetchall()
    with (EXPECTED / "credit.csv").open(encoding="utf-8") as file:
        wanted = list(csv.DictReader(file))
    assert len(wanted) > 100
    owed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    expected = []
    for row in wanted:
        place = row["district_code"], row["credit_programme_code"]
        amounts = [Decimal(row[name]) for name in ("disbursed_vnd", "repaid_vnd", "outstanding_vnd")]
        expected.append((row["period"], *place, owed[place], *amounts, Decimal(0), True))
        owed[place] = amounts[2]
    assert figures == expected


def test_the_loans_of_the_samples_are_lawful(connection: psycopg.Connection[Any]) -> None:
    figures = connection.execute(
        "select is_eligible, is_within_ceiling, is_at_legal_rate, count(*) from mart.dim_loan group by 1, 2, 3"
    ).fetchall()
    loans = connection.execute("select count(distinct loan_id) from mart.fct_credit_loan").fetchone()
    assert loans
    assert figures == [(True, True, True, loans[0])]


def test_every_review_by_every_standard(connection: psycopg.Connection[Any]) -> None:
    """Plain loops over the reviews: each way in which what is not told may be gives a class, or they differ."""
    with (REFERENCE_DIR / "poverty_standard.csv").open(encoding="utf-8") as file:
        standards = {(row["code"], row["area_type"]): row for row in csv.DictReader(file)}
    lists: dict[str, set[str]] = defaultdict(set)
    with (REFERENCE_DIR / "deprivation.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            lists[row["standard_code"]].add(row["code"])
    assert {line["listed_deprivations"] for line in standards.values()} == {"0", "10", "12"}
    for (code, _), line in standards.items():
        assert int(line["listed_deprivations"]) == len(lists[code])

    def class_of(line: dict[str, str], income: Decimal, deprivations: int) -> str:
        low, high = int(line["poor_income_vnd"]), int(line["near_poor_income_vnd"])
        if income > high:
            return "not_poor"
        if not line["min_deprivations"]:
            return "poor" if income <= low else "near_poor"
        many = deprivations >= int(line["min_deprivations"])
        return "poor" if many or (low < high and income <= low) else "near_poor"

    reviews = connection.execute(
        """
        select household_code, review_year, standard_code, r.commune_code, area_type, income_per_capita_vnd,
            r.class_code, array_remove(array_agg(deprivation_code), null)
        from mart.fct_household_review as r
        left join mart.fct_household_deprivation as d using (household_code, review_year, standard_code)
        group by 1, 2, 3, 4, 5, 6, 7
        """
    ).fetchall()
    assert len(reviews) > 900
    wanted: dict[tuple[Any, ...], str | None] = {}
    communes: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for household, year, reported, commune, area, income, decided, deprivations in reviews:
        for code in lists | {"2011-2015": set()}:
            known = len(lists[code].intersection(deprivations))
            open_count = len(lists[code] - lists[reported])
            possible = {
                class_of(standards[code, area], income, known + more) for more in range(open_count + 1)
            }  # fmt: skip
            wanted[household, year, reported, code] = possible.pop() if len(possible) == 1 else None
            figures = communes[commune, year, reported, code]
            figures[wanted[household, year, reported, code] or "undecided"] += 1
            figures[f"reported_{decided}"] += 1
    found = connection.execute(
        "select household_code, review_year, standard_code, applied_standard_code, class_derived_code"
        " from mart.fct_household_recount"
    ).fetchall()
    assert {row[:4]: row[4] for row in found} == wanted
    assert {row[4] for row in found} == {"poor", "near_poor", "not_poor", None}
    columns = ("poor", "near_poor", "not_poor", "undecided", "reported_poor", "reported_near_poor")
    counted = connection.execute(
        "select commune_code, review_year, standard_code, applied_standard_code, poor_count, near_poor_count,"
        " not_poor_count, undecided_count, reported_poor_count, reported_near_poor_count from mart.fct_poverty_recount"
    ).fetchall()
    assert {row[:4]: row[4:] for row in counted} == {
        key: tuple(figures[name] for name in columns) for key, figures in communes.items()
    }
    derived = connection.execute(
        "select count(*) from mart.fct_household_recount as c join mart.fct_household_review as r"
        " using (household_code, review_year, standard_code)"
        " where c.applied_standard_code = standard_code"
        " and c.class_derived_code is distinct from r.class_derived_code"
    ).fetchone()
    assert derived == (0,)


def test_programme_funds_are_counted_once(connection: psycopg.Connection[Any]) -> None:
    """No line of the samples is a total; what is left of the plan and what was allocated add up to it."""
    figures = connection.execute(
        "select count(*) filter (where is_total_of_parts), count(*) filter (where parts_planned_vnd is not null),"
        " bool_and(planned_vnd = disbursed_vnd + undisbursed_vnd + unallocated_vnd),"
        " bool_and(unallocated_vnd >= 0 and undisbursed_vnd >= 0) from mart.fct_programme_finance"
    ).fetchone()
    assert figures == (0, 0, True, True)
    quarters = connection.execute(
        "select project_code, funding_source_code, budget_kind_code, admin_unit_code, sender_code,"
        " left(period_code, 4),"
        " sum(allocated_in_quarter_vnd), sum(disbursed_in_quarter_vnd),"
        " max(allocated_vnd) filter (where period_code like '%-Q4'),"
        " max(disbursed_vnd) filter (where period_code like '%-Q4')"
        " from mart.fct_programme_finance group by 1, 2, 3, 4, 5, 6"
    ).fetchall()
    assert len(quarters) > 100
    assert all(row[6:8] == row[8:10] for row in quarters)


def test_no_day_has_two_terms_of_law(connection: psycopg.Connection[Any]) -> None:
    """The ceiling of poor households over time, and the electricity subsidy, day by day."""
    ceilings = connection.execute(
        "select valid_from::text, valid_to::text, ceiling_vnd from mart.dim_credit_ceiling"
        " where credit_programme_code = '01' order by valid_from"
    ).fetchall()
    assert ceilings == [
        ("1900-01-01", "2014-04-30", 30_000_000),
        ("2014-05-01", "2019-02-28", 50_000_000),
        ("2019-03-01", None, 100_000_000),
    ]
    amounts = connection.execute(
        "select d::text, unit_amount_vnd from unnest('{2014-05-31,2014-06-01,2015-03-15,2015-03-16}'::date[]) as d"
        " join mart.dim_support_amount as a on d between a.valid_from and coalesce(a.valid_to, 'infinity')"
        " where policy_code = 'electricity' order by 1"
    ).fetchall()
    assert amounts == [
        ("2014-05-31", 90_000),
        ("2014-06-01", 138_000),
        ("2015-03-15", 138_000),
        ("2015-03-16", 147_000),
    ]
