"""A whole night on the sample reports gives the published figures to the dong; a second one changes nothing.

The figures in `expected/` were counted from the reports by another path than this project's.
"""

import csv
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from ingestion import pipeline
from ingestion.settings import PROJECT_DIR, get_settings

INBOX = PROJECT_DIR / "examples" / "inbox"
EXPECTED = Path(__file__).parent / "expected"
Row = tuple[object, ...]
Query = Callable[[str], list[Row]]


@pytest.fixture(scope="module")
def night_url(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("CHUNGTAY_WAREHOUSE_URL", warehouse_url)
        get_settings.cache_clear()
        pipeline.run_night("first", str(INBOX))
        with psycopg.connect(warehouse_url) as db:
            before = {
                table: db.execute(f"select md5(string_agg(t::text, '|' order by t::text)) from {table} t").fetchone()
                for table in public_tables(db)
            }
        pipeline.run_night("second", str(INBOX))
        with psycopg.connect(warehouse_url) as db:
            after = {
                table: db.execute(f"select md5(string_agg(t::text, '|' order by t::text)) from {table} t").fetchone()
                for table in public_tables(db)
            }
        assert before == after
    get_settings.cache_clear()
    return warehouse_url


def public_tables(db: psycopg.Connection[Row]) -> list[str]:
    return [
        str(name)
        for (name,) in db.execute("select format('mart.%I', tablename) from pg_tables where schemaname = 'mart'")
    ]


@pytest.fixture(scope="module")
def query(night_url: str) -> Query:
    def run(statement: str) -> list[Row]:
        with psycopg.connect(night_url) as db:
            return db.execute(statement).fetchall()

    return run


def expected(name: str, numbers: int) -> list[Row]:
    """Rows of an expected file, sorted; the last `numbers` columns are numbers, None where empty."""
    with (EXPECTED / f"{name}.csv").open(encoding="utf-8") as file:
        lines = list(csv.reader(file))[1:]
    assert lines
    return sorted((*line[:-numbers], *(Decimal(cell) if cell else None for cell in line[-numbers:])) for line in lines)


def test_every_report_is_accepted_with_every_row(query: Query) -> None:
    received = query(
        "select sender_code, period_code, dataset, file_name, sheet_name, row_count::numeric from ops.submission"
        " where status_code in ('accepted', 'accepted_with_findings') and held_row_count = 0"
    )
    wanted = expected("submissions", 1)
    assert len({row[:2] + row[3:4] for row in wanted}) == len([path for path in INBOX.rglob("*") if path.is_file()])
    assert sorted(received) == wanted


def test_nothing_is_rejected_or_held_and_no_cell_is_unread(query: Query) -> None:
    assert query("select * from ops.held_row") == []
    assert query("select * from ops.finding where severity <> 'warning'") == []
    assert query("select * from raw.unread_cell") == []
    assert query("select distinct status_code from ops.submission where revision is null") == [("duplicate",)]


def test_warnings_stand_where_they_are_due(query: Query) -> None:
    """A column too many is told; it is in the files of two agencies."""
    headings = query("select distinct value from ops.finding where rule = 'unknown_heading'")
    assert headings == [("Cán bộ phụ trách",)]


def test_the_second_night_saw_duplicates_only_and_published_no_change(query: Query) -> None:
    assert query("select count(*) from ops.submission where status_code = 'duplicate'") == query(
        "select count(*) from ops.submission where status_code <> 'duplicate'"
    )
    assert query("select night_id, rows_changed > 0 from ops.publication order by 1") == [
        ("first", True),
        ("second", False),
    ]


def test_households_by_commune(query: Query) -> None:
    figures = query(
        """
        select
            p.year::text, p.commune_code, p.district_code,
            count(*) filter (where r.class_code = 'poor')::numeric,
            count(*) filter (where r.class_code = 'near_poor')::numeric,
            count(r.household_code)::numeric, p.household_count::numeric
        from mart.fct_commune_profile p
        left join mart.fct_household_review r
            on r.commune_code = p.commune_code and r.review_year = p.year
        group by 1, 2, 3, p.household_count
        order by 1, 2
        """
    )
    assert figures == expected("households", 4)


def test_deprivations_of_poor_households(query: Query) -> None:
    figures = query(
        """
        select d.review_year::text, d.deprivation_code, count(*)::numeric
        from mart.fct_household_deprivation d
        join mart.fct_household_review r using (household_code, review_year, standard_code)
        where r.class_code = 'poor'
        group by 1, 2 order by 1, 2
        """
    )
    assert figures == expected("deprivations", 1)


def test_supports_delivered_to_the_dong(query: Query) -> None:
    figures = query(
        """
        select period_code, district_code, policy_code, count(*)::numeric, sum(amount_vnd)
        from mart.fct_support where status_code = 'delivered'
        group by 1, 2, 3 order by 1, 2, 3
        """
    )
    assert figures == expected("supports", 2)


def test_credit_to_the_dong(query: Query) -> None:
    figures = query(
        """
        select
            period_code, district_code, credit_programme_code,
            count(*) filter (where disbursed_vnd > 0)::numeric,
            sum(disbursed_vnd), sum(repaid_vnd), sum(outstanding_vnd), sum(overdue_vnd)
        from mart.fct_credit_loan
        group by 1, 2, 3 order by 1, 2, 3
        """
    )
    assert figures == expected("credit", 5)


def test_indicators_of_the_province(query: Query) -> None:
    figures = query(
        """
        select indicator_code, period_code, numerator, denominator
        from mart.fct_indicator
        where admin_unit_level = 'province' and breakdown_code = '' and period_code ~ '^[0-9]{4}$'
        order by 1, 2
        """
    )
    wanted = expected("indicators", 2)
    names = {row[0] for row in wanted}
    assert [row for row in figures if row[0] in names] == wanted


def test_movements_of_households_by_commune(query: Query) -> None:
    """Households by movement, commune and year, as the nine columns of the official forms count them."""
    figures = {
        (row[0], row[1], row[2]): row[3]
        for row in query(
            "select review_year::text, commune_code, movement_code, count(*)"
            " from mart.fct_household_review group by 1, 2, 3"
        )
    }
    columns = {
        "poor_to_near_poor": 5,
        "poor_to_above": 6,
        "poor_relapsed": 9,
        "poor_new": 10,
        "near_poor_escaped": 14,
        "near_poor_to_poor": 15,
        "near_poor_relapsed": 18,
        "near_poor_new": 19,
    }
    with (EXPECTED / "movements.csv").open(encoding="utf-8") as file:
        lines = [line for line in csv.reader(file) if line[3] == "households"]
    assert lines
    wanted = {
        (line[0], line[2], code): int(line[position])
        for line in lines
        for code, position in columns.items()
        if int(line[position])
    }
    assert {key: count for key, count in figures.items() if key[2] in columns} == wanted


def test_every_fact_leads_back_to_a_row_of_a_sheet(query: Query) -> None:
    for fact, dataset in (
        ("fct_household_review", "household_review"),
        ("fct_commune_profile", "commune_profile"),
        ("fct_support", "support_delivery"),
        ("fct_credit_loan", "credit_loan"),
    ):
        assert query(
            f"select count(*) from mart.{fact} f left join raw.{dataset} r using (submission_id, row_number)"
            " where r.submission_id is null"
        ) == [(0,)], fact


def test_comments_stand_on_every_public_table_and_column(query: Query) -> None:
    tables = "from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'mart' and c.relkind = 'r'"
    assert query(f"select count(*) > 20 {tables}") == [(True,)]
    assert query(f"select relname {tables} where obj_description(c.oid) is null") == []
    attributes = "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
    assert query(f"select relname, attname {tables} {attributes} where col_description(c.oid, a.attnum) is null") == []


def test_no_name_and_no_national_id_is_public(query: Query) -> None:
    names = query("select head_name from raw.household_review limit 50")
    ids = query("select head_national_id from raw.household_review where head_national_id is not null limit 50")
    assert names
    assert ids
    for (table,) in query("select format('%I', tablename) from pg_tables where schemaname = 'mart'"):
        for (value,) in [*names[:10], *ids[:10]]:
            [(count,)] = query(f"select count(*) from mart.{table} t where position('{value}' in t::text) > 0")
            assert count == 0, table
