"""The warehouse of a made-up province, its years, moves and mishaps, against figures calculated a second time."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from history_maker import NEAR_POOR_COLUMNS, POOR_COLUMNS, History, Sent
from plain_figures import PlainFigures
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from raw_reports import Connection, submit

from dbt_project.build import LAYERS, build, seed_if_changed
from ingestion.period import Period
from ingestion.settings import get_settings
from ingestion.warehouse import prepare

AS_OF = date(2027, 3, 1)
Figures = dict[tuple[Any, ...], Any]
Query = Callable[[str], list[tuple[Any, ...]]]
Comparison = Callable[[PlainFigures, Query], tuple[Figures, Figures]]


def send(db: Connection, reports: Sequence[Sent]) -> None:
    for report in reports:
        submission_id = submit(
            db,
            report.dataset,
            report.rows,
            sender=report.sender,
            period=report.period,
            standard=report.standard,
            status="accepted" if report.status == "superseded" else report.status,
            revision=report.revision,
        )
        db.execute(
            "update ops.submission set received_at = %s, status_code = %s where submission_id = %s",
            [Period.parse(report.period).end + timedelta(days=report.days_after), report.status, submission_id],
        )
        for number in report.held:
            db.execute(
                "insert into ops.finding (submission_id, found_by, rule, severity, sheet_name, row_number, message_vi,"
                " message_en) select submission_id, 'judge', 'HR-01', 'critical', sheet_name, row_number, '', ''"
                f" from raw.{report.dataset} where submission_id = %s order by row_number offset %s limit 1".encode(),
                [submission_id, number],
            )


def by_key(rows: list[tuple[Any, ...]], keys: int) -> Figures:
    found = {row[:keys]: row[keys:] for row in rows}
    assert len(found) == len(rows)
    return found


def reviews(plain: PlainFigures, query: Query) -> tuple[Figures, Figures]:
    wanted = {
        (r.code, r.year, r.standard): (
            r.household, r.place.commune, r.place.district, r.place.province, r.reported_class,
            plain.derived_class(r), r.previous, r.movement,
            None if r.standard == "2011-2015" else len(r.deprivations),
            None if r.standard == "2011-2015" else sorted(r.deprivations),
        )
        for r in plain.reviews
    }  # fmt: skip
    found = query(
        """
        select household_code, review_year, standard_code, household_id, commune_code, district_code, province_code,
            class_code, class_derived_code, previous_class_code, movement_code, deprivation_count,
            case when deprivation_count is not null then array(
                select deprivation_code from mart_build.fct_household_deprivation as d
                where d.household_code = r.household_code and d.review_year = r.review_year
                    and d.standard_code = r.standard_code
                order by deprivation_code collate "C"
            ) end
        from mart_build.fct_household_review as r
        """
    )
    return wanted, by_key(found, 3)


def households(plain: PlainFigures, query: Query) -> tuple[Figures, Figures]:
    found = query(
        """
        select household_code, commune_code, village_name, ethnic_group_code, area_type, member_count, is_merit_family,
            has_social_protection_member, has_no_labour_capacity, class_code, valid_from_year, valid_to_year
        from mart_build.dim_household
        """
    )
    return dict.fromkeys(plain.dim_household(), True), dict.fromkeys(found, True)


def movements(plain: PlainFigures, query: Query) -> tuple[Figures, Figures]:
    columns = [f"poor_{c}" for c in POOR_COLUMNS] + [f"near_poor_{c}" for c in NEAR_POOR_COLUMNS]
    counted, declared = plain.movement(), plain.declared()
    wanted = {
        key: (
            *(counted.get(key, {}).get(column) for column in [*columns, "unexplained_count"]),
            *(declared.get(key, {}).get(column) for column in columns),
        )
        for key in {*counted, *declared}
    }
    found = query(
        f"select commune_code, review_year, standard_code, counted, {', '.join(columns)}, unexplained_count,"
        f" {', '.join('declared_' + column for column in columns)} from mart_build.fct_poverty_movement"
    )
    return wanted, by_key(found, 4)


def supports(plain: PlainFigures, query: Query) -> tuple[Figures, Figures]:
    wanted = {
        (report.sender, row["support_id"], period.code): (
            register and register.reported_class, *place, row["status"], row["amount"],
        )
        for report, row, period, register, place in plain.supports()
    }  # fmt: skip
    found = query(
        "select sender_code, support_id, period_code, class_code, commune_code, district_code, province_code,"
        " status_code, amount_vnd from mart_build.fct_support"
    )
    return wanted, by_key(found, 3)


def loans(plain: PlainFigures, query: Query) -> tuple[Figures, Figures]:
    wanted = {}
    for _, row, period, code, place in plain.loans():
        register = plain.register(code, period.year)
        amounts = (row[name] for name in ("disbursed_in_period", "repaid_in_period", "outstanding", "overdue"))
        wanted[row["loan_id"], period.code] = (code, register and register.reported_class, *place, *amounts)
    found = query(
        "select loan_id, period_code, household_code, class_code, commune_code, district_code, province_code,"
        " disbursed_vnd, repaid_vnd, outstanding_vnd, overdue_vnd from mart_build.fct_credit_loan"
    )
    return wanted, by_key(found, 2)


def indicators(plain: PlainFigures, query: Query) -> tuple[Figures, Figures]:
    found = query(
        """
        select indicator_code, period_code, standard_code, breakdown_code, admin_unit_level, admin_unit_code,
            numerator, denominator, round(coverage_rate, 6), is_publishable
        from mart_build.fct_indicator
        where breakdown_kind_code in ('', 'deprivation', 'policy', 'policy_group', 'credit_programme', 'project')
            and indicator_code not like 'reporting%'
        """
    )
    wanted = {key: (a, b, round(rate, 6), ok) for key, (a, b, rate, ok) in plain.indicators().items()}
    return wanted, by_key(found, 6)


COMPARISONS: dict[str, Comparison] = {
    "reviews": reviews,
    "households": households,
    "movements": movements,
    "supports": supports,
    "loans": loans,
    "indicators": indicators,
}


@pytest.fixture(scope="module")
def history() -> History:
    """Cao Bằng: the last year of one standard, the year of both, years without lists, the joining of 2025."""
    return History("04", (2020, 2021, 2022, 2024, 2025, 2026), seed=2)


@pytest.fixture(scope="module")
def plain(history: History) -> PlainFigures:
    return PlainFigures(history.sent, AS_OF)


@pytest.fixture(scope="module")
def query(warehouse_url: str, history: History, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(tmp_path_factory.mktemp("home")))
        get_settings.cache_clear()
        prepare(warehouse_url)
        seed_if_changed(warehouse_url)
        with psycopg.connect(warehouse_url) as db:
            name = sql.Identifier(str(conninfo_to_dict(warehouse_url)["dbname"]))
            db.execute(sql.SQL("alter database {} set chungtay.as_of = {}").format(name, AS_OF.isoformat()))
            send(db, history.sent)
        for layer in LAYERS:
            build(layer, warehouse_url)
        with psycopg.connect(warehouse_url) as db:
            yield lambda statement: db.execute(statement.encode()).fetchall()
    get_settings.cache_clear()


def test_the_history_has_every_mishap(history: History, plain: PlainFigures) -> None:
    """Else the comparison would not tell much."""
    assert {report.status for report in history.sent} == {
        "accepted",
        "accepted_with_findings",
        "superseded",
        "rejected",
    }
    movements = {review.movement for review in plain.reviews}
    assert {"stayed", "poor_to_near_poor", "poor_to_above", "near_poor_to_poor", "poor_relapsed", "other"} <= movements
    assert any(code != household for code, household in plain.household_of.items())
    assert {None, "not_poor"} <= {review.previous for review in plain.reviews}
    assert len({r.standard for r in plain.reviews if r.year == 2021}) == 2


@pytest.mark.parametrize("name", COMPARISONS)
def test_no_difference(name: str, plain: PlainFigures, query: Query) -> None:
    wanted, found = COMPARISONS[name](plain, query)
    assert wanted
    differences = [
        (key, wanted.get(key), found.get(key))
        for key in {*wanted, *found}
        if key not in wanted or key not in found or wanted[key] != found[key]
    ]
    assert differences == []
