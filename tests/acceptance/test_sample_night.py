"""A whole night on the sample reports gives the published figures to the dong; a second one changes nothing.

The figures in `expected/` were counted from the reports by another path than this project's.
"""

import csv
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from hashlib import md5, sha1, sha256
from pathlib import Path

import psycopg
import pytest

from ingestion.settings import PROJECT_DIR
from ingestion.warehouse import READERS

INBOX = PROJECT_DIR / "examples" / "inbox"
EXPECTED = Path(__file__).parent / "expected"
Row = tuple[object, ...]
Query = Callable[[str], list[Row]]


@pytest.fixture(scope="module")
def query(sample_night: str) -> Query:
    def run(statement: str) -> list[Row]:
        with psycopg.connect(sample_night) as db:
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


def test_movements_counted_and_declared(query: Query) -> None:
    """The nine columns of both official forms, in households and in persons; the forms declare the same."""
    with (EXPECTED / "movements.csv").open(encoding="utf-8") as file:
        columns = next(csv.reader(file))[4:]
    keys = "review_year::text, district_code, commune_code, counted"
    counted = ", ".join(f"{column}::numeric" for column in columns)
    figures = query(f"select {keys}, {counted} from mart.fct_poverty_movement order by 1, 2, 3, 4")
    assert figures == expected("movements", 18)
    declared = ", ".join(f"coalesce(declared_{column}, 0)::numeric" for column in columns)
    assert query(f"select {keys}, {declared} from mart.fct_poverty_movement order by 1, 2, 3, 4") == figures
    # offices leave the columns of other changes empty
    filled = [column for column in columns if "_other_" not in column]
    gaps = " or ".join(f"gap_{column} is distinct from 0" for column in filled)
    assert query(f"select * from mart.fct_poverty_movement where unexplained_count <> 0 or {gaps}") == []


def test_movement_codes_of_households_say_the_same(query: Query) -> None:
    columns = (
        *("poor_to_near_poor", "poor_to_above", "poor_relapsed", "poor_new"),
        *("near_poor_escaped", "near_poor_to_poor", "near_poor_relapsed", "near_poor_new"),
    )
    for column in columns:
        households = query(
            "select review_year, commune_code, count(*)::numeric from mart.fct_household_review"
            f" where movement_code = '{column}' group by 1, 2 order by 1, 2"
        )
        assert households == query(
            f"select review_year, commune_code, {column}::numeric from mart.fct_poverty_movement"
            f" where counted = 'households' and {column} > 0 order by 1, 2"
        ), column


def test_what_a_quarter_disbursed_adds_up_to_the_year(query: Query) -> None:
    years = query(
        "select project_code, left(period_code, 4), sum(disbursed_in_quarter_vnd),"
        " sum(disbursed_vnd) filter (where period_code like '%-Q4'), count(*) = count(disbursed_in_quarter_vnd)"
        " from mart.fct_programme_finance group by 1, 2"
    )
    assert len(years) == 18  # six projects in three years
    assert [year for year in years if year[2] != year[3] or not year[4]] == []


def test_every_figure_is_the_sum_of_the_rows_behind_it(query: Query) -> None:
    """All of them, at every level; nothing of the sample night is unknown."""
    key = "indicator_code, period_code, standard_code, admin_unit_level, admin_unit_code, breakdown_code"
    [(figures, without_rows, without_figure, different)] = query(
        f"""
        with behind as (
            select {key}, sum(numerator) as numerator, sum(denominator) as denominator, true as is_there
            from mart.rpt_indicator_source group by {key}
        )
        select
            count(*), count(*) filter (where b.is_there is null), count(*) filter (where f.value is null and
            f.coverage_rate is null), count(*) filter (where f.numerator is distinct from b.numerator
            or f.denominator is distinct from b.denominator)
        from mart.fct_indicator f full join behind b using ({key})
        """
    )
    assert isinstance(figures, int)
    assert figures > 20_000
    assert (without_rows, without_figure, different) == (0, 0, 0)


def test_every_row_behind_a_figure_stands_in_a_file(query: Query) -> None:
    """A row of a sheet; or, for a list or a report as a whole, the report."""
    datasets = query("select distinct dataset from mart.rpt_indicator_source where row_number is not null")
    assert len(datasets) == 7
    raw = " union all ".join(f"select submission_id, sheet_name, row_number from raw.{name}" for (name,) in datasets)
    assert query(
        "select count(*) from mart.rpt_indicator_source s where row_number is not null and not exists ("
        f"select from ({raw}) r"
        " where (r.submission_id, r.sheet_name, r.row_number) = (s.submission_id, s.sheet_name, s.row_number))"
    ) == [(0,)]
    assert query(
        "select distinct numerator, denominator from mart.rpt_indicator_source where row_number is null"
        " and indicator_code not like 'reporting%' and file_name is not null order by 2"
    ) == [(0, 0), (0, None)]
    assert query(
        "select count(*) from mart.rpt_indicator_source s left join ops.submission o using (submission_id, file_name)"
        " where s.submission_id is not null and o.submission_id is null"
    ) == [(0,)]


def test_parts_of_the_households_add_up_to_the_whole(query: Query) -> None:
    """And are told: the lists of the samples name group, sex and area of every head."""
    parts = query(
        """
        select
            f.breakdown_kind_code, count(distinct f.breakdown_code) > 1,
            bool_and(f.breakdown_code not like 'unknown%')
        from mart.fct_indicator f where f.indicator_code = 'poor_household_count' and f.breakdown_code <> ''
        group by 1 order by 1
        """
    )
    assert parts == [("area_type", True, True), ("ethnic_group", True, True), ("head_sex", True, True)]
    assert (
        query(
            """
        with part as (
            select indicator_code, period_code, admin_unit_level, admin_unit_code, breakdown_kind_code,
                sum(numerator) as numerator, sum(denominator) as denominator, bool_and(is_publishable) as publishable
            from mart.fct_indicator where breakdown_kind_code in ('ethnic_group', 'head_sex', 'area_type')
            group by 1, 2, 3, 4, 5
        )
        select * from part join mart.fct_indicator f using (indicator_code, period_code, admin_unit_level,
            admin_unit_code)
        where f.breakdown_code = '' and (part.numerator is distinct from f.numerator
            or part.denominator is distinct from f.denominator or part.publishable <> f.is_publishable)
        """
        )
        == []
    )


def test_every_fact_leads_back_to_a_row_of_a_sheet(query: Query) -> None:
    for fact, dataset in (
        ("fct_household_review", "household_review"),
        ("fct_commune_profile", "commune_profile"),
        ("fct_support", "support_delivery"),
        ("fct_credit_loan", "credit_loan"),
        ("fct_household_member", "household_member"),
        ("fct_programme_finance", "programme_finance"),
        ("fct_capacity_activity", "capacity_activity"),
        ("fct_task_progress", "task_progress"),
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


def places_of_personal_data(query: Query, *schemas: str) -> set[str]:
    """Columns of tables in these schemas that hold a name, a national id, a plain hash of one or a birth date."""
    people = query(
        "select head_name, head_national_id, head_birth_date from raw.household_review"
        " union select full_name, national_id, birth_date from raw.household_member"
        " union select borrower_name, borrower_national_id, null from raw.credit_loan"
    )
    names = {str(name) for name, _, _ in people}
    ids = {str(national_id) for _, national_id, _ in people if national_id}
    # a child may be born on the day of a contract
    births = {str(birth) for _, _, birth in people if isinstance(birth, date) and birth.year < 2005}
    assert min(len(names), len(ids), len(births)) > 500
    hashes = {make(text.encode()).hexdigest()[:32] for text in ids for make in (md5, sha1, sha256)}
    columns = query(
        "select format('select distinct %L, %I::text from %I.%I', concat_ws('.', nspname, relname, attname), attname,"
        " nspname, relname) from pg_attribute"
        " join pg_class c on c.oid = attrelid and relkind = 'r' and attnum > 0 and not attisdropped"
        f" join pg_namespace n on n.oid = relnamespace and nspname in {(*schemas, '')}"
        " where atttypid = any('{text,text[],varchar,jsonb,date}'::regtype[])"
    )
    sizes = range(min(len(name.split()) for name in names), 1 + max(len(name.split()) for name in names))
    found: set[str] = set()
    for place, value in query(" union all ".join(str(column) for (column,) in columns)):
        text = str(value)
        words = re.findall(r"[^\W\d_]+", text)
        if (
            text in births
            or not ids.isdisjoint(re.findall(r"[0-9]{9,12}", text))
            or not hashes.isdisjoint(token[:32] for token in re.findall(r"[0-9a-f]{32,}", text))
            or any(" ".join(words[at : at + size]) in names for size in sizes for at in range(len(words) - size + 1))
        ):
            found.add(str(place))
    return found


def test_personal_data_stand_in_raw_and_the_vault_alone(query: Query) -> None:
    assert places_of_personal_data(query, "vault") == {
        *("vault.vault_household.head_name", "vault.vault_household.head_national_id"),
        *("vault.vault_household.head_birth_date", "vault.vault_borrower.borrower_name"),
        *("vault.vault_borrower.borrower_national_id", "vault.vault_person.full_name"),
        *("vault.vault_person.national_id", "vault.vault_person.birth_date"),
    }
    elsewhere = places_of_personal_data(query, "intermediate", "mart_build", "mart", "release", "reference", "ops")
    assert elsewhere - {"ops.finding.value"} == set()  # as sent, for the sender's own answer


def test_the_vault_leads_from_every_key_to_the_person(query: Query) -> None:
    for fact, vault, key in (
        ("fct_household_review", "vault_household", "household_code, review_year, standard_code"),
        ("fct_household_member", "vault_person", "person_key, review_year"),
        ("fct_credit_loan", "vault_borrower", "loan_id, period_code"),
        ("fct_identity_review", "vault_identity_review", "candidate_key"),
    ):
        assert query(f"select count(*) from mart.{fact}") == query(
            f"select count(*) from mart.{fact} join vault.{vault} using ({key})"
        )
    # the head of a review and the borrower of a loan are told by the key of the person
    assert query(
        "select count(*) > 900, bool_and(p.full_name = h.head_name) from vault.vault_household h"
        " join vault.vault_person p on p.person_key = h.head_person_key and p.review_year = h.review_year"
    ) == [(True, True)]
    assert query(
        "select count(*) > 1000, bool_and(p.full_name = b.borrower_name) from vault.vault_borrower b"
        " join vault.vault_person p on p.person_key = b.person_key and p.is_latest"
    ) == [(True, True)]


def test_readers_have_no_right_but_on_what_is_theirs(query: Query) -> None:
    for role, schemas in READERS.items():
        readable = query(
            "select distinct nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " and nspname = any('{ops,raw,accepted,reference,staging,intermediate,mart_build,mart,vault_build,vault,"
            "mart_history,vault_history}')"
            f" where relkind in ('r', 'v') and has_table_privilege('{role}', c.oid, 'select')"
            f" and has_schema_privilege('{role}', nspname, 'usage')"
        )
        assert {str(schema) for (schema,) in readable} == set(schemas) - {"release"}, role
        assert query(
            f"select count(*) from pg_class where relkind in ('r', 'v') and relnamespace = 'vault'::regnamespace"
            f" and has_table_privilege('{role}', oid, 'select')"
        ) == [(4 if role == "case_worker" else 0,)]


def test_no_target_is_silently_absent(query: Query) -> None:
    """The sample's two districts are no province, and three of the plans ended before: every target says so."""
    assert query(
        "select programme_code, count(distinct target_code), count(*), min(status_code), max(status_code),"
        " count(value) from mart.fct_target_progress group by 1 order by 1"
    ) == [
        ("BG-2013-2015", 22, 66, "no_data", "no_data", 0),
        ("BG-2017-2020", 5, 20, "no_data", "no_data", 0),
        ("CB-2017-2020", 4, 16, "no_data", "no_data", 0),
        ("NB-2021-2025", 12, 60, "no_data", "no_data", 0),
    ]


def test_the_communes_of_today_have_every_household_of_then(query: Query) -> None:
    """Also those of the six communes of Hiệp Hòa that were joined to others before the districts ended."""
    in_units = (
        "select period_code, sum(numerator), sum(denominator), bool_and(is_publishable) from mart.{}"
        " where admin_unit_level = 'commune' and indicator_code = 'poor_household_rate' and breakdown_code = ''"
        " group by 1 order by 1"
    )
    now = query(in_units.format("fct_indicator_new_unit"))
    assert now == query(in_units.format("fct_indicator"))
    assert [row[:2] for row in now] == [("2022", 213), ("2023", 177), ("2024", 138)]
    assert query(
        "select new_commune_code, share::integer from mart.bridge_admin_unit_share"
        " where old_commune_code in ('07813', '07819', '07828', '07834', '07837', '07852') order by old_commune_code"
    ) == [("07822", 1), ("07822", 1), ("07822", 1), ("07864", 1), ("07864", 1), ("07864", 1)]


def test_only_districts_that_reported_two_years_are_ranked(query: Query) -> None:
    assert query(
        "select period_code, sender_code, total_rank, ranked_unit_count, unit_count from mart.fct_district_scorecard"
        " where total_rank is not null order by 1, 3"
    ) == [
        ("2023", "huyen-223", 1, 2, 10),
        ("2023", "huyen-220", 2, 2, 10),
        ("2024", "huyen-223", 1, 2, 10),
        ("2024", "huyen-220", 2, 2, 10),
    ]
