"""dbt on a real database: lists are loaded once, layers build and test, the figures of a small province hold."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from dbt_project.build import LAYERS, BuildError, BuildResult, build, seed_if_changed
from ingestion.contract import load_contracts
from ingestion.period import Period
from ingestion.settings import get_settings
from ingestion.surrogate import secret, surrogate
from ingestion.warehouse import prepare

OLD, NEW = "2016-2020", "2021-2025"
NOT_DEPRIVED = {column.name: False for column in load_contracts()["household_review"].columns if column.deprivation}
MEMBER = {
    "household_code": "07615-00001",
    "person_no": 1,
    "sex": "male",
    "birth_date": date(1990, 12, 31),
    "relation_to_head": "head",
    "ethnic_group": "01",
    "has_health_insurance": True,
    "needs_legal_aid": True,
}
FUNDS = {
    "project_code": "capacity",
    "funding_source": "central",
    "budget_kind": "recurrent",
    "admin_unit_code": "220",
    "planned": 9,
    "allocated": 7,
    "disbursed": 3,
}
OTHER_DATASETS: list[tuple[str, str, dict[str, Any]]] = [
    ("household_member", "2022", MEMBER),
    ("review_result", "2022", {"commune_code": "07615", "poor_count": 1}),
    ("poor_movement", "2022", {"commune_code": "07615", "counted": "persons", "end": 3}),
    ("near_poor_movement", "2022", {"commune_code": "07615", "counted": "households", "start": 2}),
    ("programme_finance", "2022-Q4", FUNDS),
    (
        "capacity_activity",
        "2022-S2",
        {"activity_id": "HD-1", "kind": "training", "held_on": date(2022, 8, 1), "cost": 5},
    ),
    ("task_progress", "2022-S2", {"task_code": "NQ160-T02", "status": "in_progress", "percent_complete": 40}),
]
Row = tuple[Any, ...]
Query = Callable[..., list[Row]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(tmp_path_factory.mktemp("home")))
        get_settings.cache_clear()
        yield get_settings().home
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def prepared_url(warehouse_url: str, home: Path) -> str:
    prepare(warehouse_url)
    assert seed_if_changed(warehouse_url)
    return warehouse_url


@pytest.fixture(scope="module")
def province(prepared_url: str) -> str:
    """Bắc Giang (24): Sơn Động (220) reports 2021 to 2024, Hiệp Hòa (223) only a list of 2022, the rest nothing."""
    with psycopg.connect(prepared_url) as db:
        review(db, "huyen-220", 2021, OLD, ("07615-00001", "poor", {"income_per_capita": 600_000}))
        review(db, "huyen-220", 2021, NEW, ("07615-00001", "near_poor", NOT_DEPRIVED), ("07616-00001", "poor", {}))
        review(
            db,
            *("huyen-220", 2022, NEW),
            ("07615-00001", "poor", {"dep_water": True, "dep_toilet": True, "dep_telecom": True, "needs": ["credit"]}),
            ("07616-00001", "not_poor", {}),
            ("07616-00002", "poor", {"head_national_id": "024064916238", "needs": ["credit"], "is_merit_family": True}),
            ("07616-00003", "poor", {"class_previous": "poor", "household_code": "07616-00003"}),
        )
        review(db, "huyen-223", 2022, NEW, ("07813-00001", "poor", {}))
        for year in (2022, 2025):
            profiles = {"07615": 1000, "07616": 500, "07621": 800}
            for sender, communes in (("huyen-220", profiles), ("xa-07615", {"07615": 1900})):
                if (year == 2025) == sender.startswith("xa"):
                    submit(
                        db,
                        *(sender, "commune_profile", str(year), ""),
                        *(profile(code, households) for code, households in communes.items()),
                    )
        submit(
            db,
            *("nhcsxh", "credit_loan", "2022-Q3", ""),
            loan("a", "07616", 20_000_000, borrower_national_id="024064916238"),
            loan("b", "07615", 7_000_000, household_code="07615-00009"),
            loan("c", None, 1_000_000),
        )
        submit(
            db,
            *("sxd", "support_delivery", "2022-Q4", ""),
            support("1", "07615-00001", "delivered", 40_000_000),
            support("2", "07813-00077", "eligible", None),
        )
        submit(db, "sxd", "support_delivery", "2025-Q3", "", support("3", "07615-00001", "delivered", 5))
        submit(db, "huyen-220", "household_review", "2024", NEW, register_row("07615-00009", "poor"))
        for dataset, period, row in OTHER_DATASETS:
            sender = "sldtbxh" if "-" in period else "huyen-220"
            rejected = submit(db, sender, dataset, period, "", row)
            db.execute("update ops.submission set status_code = 'rejected' where submission_id = %s", [rejected])
            submit(db, sender, dataset, period, "", row, revision=2)
        held = submit(db, "huyen-220", "household_review", "2023", NEW, household("07615-00001", "poor", {}))
        db.execute(
            "insert into ops.finding (submission_id, found_by, rule, severity, sheet_name, row_number, message_vi,"
            " message_en) values (%s, 'judge', 'HR-01', 'critical', 'Sheet1', 1, '', '')",
            [held],
        )
    return prepared_url


@pytest.fixture(scope="module")
def built(province: str) -> list[BuildResult]:
    return [build(layer, province, with_unit_tests=True) for layer in LAYERS]


@pytest.fixture(scope="module")
def query(province: str, built: list[BuildResult]) -> Query:
    def run(statement: str, *values: object) -> list[Row]:
        with psycopg.connect(province) as db:
            return db.execute(statement, values).fetchall()

    return run


def submit(
    db: psycopg.Connection[Row], sender: str, dataset: str, period: str, standard: str, *rows: Any, revision: int = 1
) -> int:
    """An accepted report of these rows, as loading and judging leave it; gives its submission_id."""
    submitted = db.execute(
        "insert into ops.submission (sender_code, dataset, period_code, period_end, standard_code, revision, sha256,"
        " file_name, received_at, status_code, row_count, code_version)"
        " values (%s, %s, %s, %s, %s, %s, %s, 'x.xlsx', now(), 'accepted', %s, 'test') returning submission_id",
        [
            sender,
            dataset,
            period,
            Period.parse(period).end,
            standard,
            revision,
            f"{sender}{dataset}{period}{standard}{revision}",
            len(rows),
        ],
    ).fetchone()
    assert submitted is not None
    for number, row in enumerate(rows, start=1):
        values = {"submission_id": submitted[0], "sheet_name": "Sheet1", "row_number": number, **row}
        db.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier("raw", dataset),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join([sql.Placeholder()] * len(values)),
            ),
            list(values.values()),
        )
    return int(submitted[0])


def household(code: str, class_code: str, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "household_code": code,
        "head_ethnic_group": "01",
        "commune_code": code[:5],
        "member_count": 4,
        "area_type": "rural",
        "income_per_capita": 1_000_000,
        "class_reported": class_code,
        **dict.fromkeys(("dep_water", "dep_toilet", "is_merit_family", "has_temporary_house"), False),
    } | more


def register_row(code: str, class_code: str) -> dict[str, Any]:
    """A household as the export of the register has it: neither income nor area nor deprivations."""
    told = ("household_code", "head_ethnic_group", "commune_code", "member_count", "class_reported")
    return {name: value for name, value in household(code, class_code, {}).items() if name in told}


def review(db: psycopg.Connection[Row], sender: str, year: int, standard: str, *households: Any) -> None:
    submit(db, sender, "household_review", str(year), standard, *(household(*one) for one in households))


def profile(code: str, households: int) -> dict[str, Any]:
    flags = ("is_extremely_difficult", "is_poor_commune", "is_programme_135", "is_safe_zone", "has_paved_road")
    return {
        "commune_code": code,
        "household_count": households,
        "population": 4 * households,
        "ethnic_minority_household_count": 0,
        "village_count": 10,
    } | dict.fromkeys(flags, False)


def loan(loan_id: str, commune: str | None, disbursed: int, **more: str) -> dict[str, Any]:
    amounts = ("repaid_in_period", "overdue", "frozen")
    return {
        "loan_id": loan_id,
        "credit_programme_code": "01",
        "commune_code": commune,
        "contracted_on": date(2022, 7, 1),
        "term_months": 36,
        "annual_rate": Decimal("6.6"),
        "disbursed_in_period": disbursed,
        "outstanding_in_term": disbursed,
        "outstanding": disbursed,
        **dict.fromkeys(amounts, 0),
        **more,
    }


def support(support_id: str, household_code: str, status: str, amount: int | None) -> dict[str, Any]:
    return {
        "support_id": support_id,
        "policy_code": "housing",
        "household_code": household_code,
        "status": status,
        "amount": amount,
        "quantity": 1,
    }


def test_the_reference_lists_are_loaded_once_and_again_after_a_kill(prepared_url: str) -> None:
    assert not seed_if_changed(prepared_url)
    with psycopg.connect(prepared_url, autocommit=True) as db:
        units = db.execute("select count(*), count(*) filter (where valid_from is null) from reference.admin_unit")
        assert units.fetchone() == (15420, 11367)
        db.execute("delete from reference.seed_state")  # what a killed load leaves behind
    assert seed_if_changed(prepared_url)
    assert not seed_if_changed(prepared_url)


def test_every_unit_test_of_the_models_passes(built: list[BuildResult]) -> None:
    passed = [n.name for result in built for n in result.nodes if n.resource_type == "unit_test"]
    assert len(passed) >= 25
    assert {"class_by_standard", "previous_class", "movement", "household_versions"} <= set(passed)


def test_building_again_gives_the_same(query: Query, province: str) -> None:
    def contents() -> list[Row]:
        return query("select md5(string_agg(f::text, '|' order by f::text)) from mart_build.fct_indicator as f")

    before = contents()
    build("marts", province)
    assert contents() == before


def test_the_rows_behind_a_figure_add_up_to_it_or_tell_why_it_is_not_known(query: Query) -> None:
    """Held rows, missing profiles and layouts, two standards and two systems of places among them."""
    key = "indicator_code, period_code, standard_code, admin_unit_level, admin_unit_code, breakdown_code"
    found = query(
        f"""
        with behind as (
            select {key}, sum(numerator) as numerator, sum(denominator) as denominator,
                bool_or(numerator is null or denominator_text is not null and denominator is null) as has_unknown
            from mart_build.rpt_indicator_source join mart_build.dim_indicator using (indicator_code) group by {key}
        )
        select f.numerator is null as is_unknown, count(*), count(*) filter (where case
            when f.numerator is not null then (f.numerator, f.denominator) is distinct from (b.numerator, b.denominator)
            else b.has_unknown is false end)
        from mart_build.fct_indicator f full join behind b using ({key}) group by 1 order by 1
        """
    )
    assert [different for _, _, different in found] == [0, 0]
    assert all(figures > 20 for _, figures, _ in found)


def test_what_a_sum_leaves_out_is_told(query: Query) -> None:
    """Of 2022 one district sent no profile; of 2023 every row of a commune is held."""
    assert query(
        "select period_code, admin_unit_code, reason_code from mart_build.fct_indicator_left_out"
        " where indicator_code = 'poor_household_rate' and period_code in ('2022', '2023') order by 1, 2"
    ) == [("2022", "07813", "missing_report"), ("2023", "07615", "missing_report"), ("2023", "07616", "missing_report")]
    assert query(
        "select admin_unit_level, admin_unit_code, reason_code from mart_build.fct_indicator_left_out"
        " where indicator_code = 'poor_household_count' and period_code = '2023'"
    ) == [("commune", "07615", "unknown")]


def test_a_year_under_two_standards_has_both_figures(query: Query) -> None:
    found = query(
        "select standard_code, numerator from mart_build.fct_indicator where indicator_code = 'poor_household_count'"
        " and period_code = '2021' and admin_unit_level = 'province' and breakdown_code = '' order by 1"
    )
    assert found == [(OLD, 1), (NEW, 1)]
    assert query(
        "select standard_code, class_code, class_derived_code from mart_build.fct_household_review"
        " where household_code = '07615-00001' and review_year = 2021 order by 1"
    ) == [(OLD, "poor", "poor"), (NEW, "near_poor", "near_poor")]


def test_the_previous_class_is_our_own_under_the_same_standard(query: Query) -> None:
    assert query(
        "select household_code, previous_class_code, movement_code from mart_build.fct_household_review"
        " where review_year = 2022 order by 1"
    ) == [
        ("07615-00001", "near_poor", "near_poor_to_poor"),
        ("07616-00001", "poor", "poor_to_above"),
        ("07616-00002", "not_poor", "poor_new"),  # the list of 2021 did not have it
        ("07616-00003", "poor", "stayed"),  # as reported
        ("07813-00001", None, "other"),  # nothing tells
    ]


def test_missing_is_never_zero(query: Query) -> None:
    """07621 has no household on the list: 0. Hiệp Hòa sent no profile: no rate. The other districts: nothing."""
    found = query(
        "select admin_unit_level, admin_unit_code, numerator, denominator, value, coverage_rate, is_publishable"
        " from mart_build.fct_indicator where indicator_code = 'poor_household_rate' and period_code = '2022'"
        " order by 1, 2"
    )
    assert found == [
        ("commune", "07615", 1, 1000, Decimal("0.1"), 100, True),
        ("commune", "07616", 2, 500, Decimal("0.4"), 100, True),
        ("commune", "07621", 0, 800, 0, 100, True),
        ("district", "220", 3, 2300, pytest.approx(Decimal(300) / 2300), 100, True),
        # ten districts owe a list and a profile each; three of the twenty reports came, and two count
        ("province", "24", 3, 2300, pytest.approx(Decimal(300) / 2300), 15, False),
    ]
    counts = query(
        "select admin_unit_code, value from mart_build.fct_indicator where indicator_code = 'poor_household_count'"
        " and period_code = '2022' and admin_unit_level = 'district' and breakdown_code = '' order by 1"
    )
    assert counts == [("220", 3), ("223", 1)]


def test_a_list_with_every_row_held_gives_no_count(query: Query) -> None:
    found = query(
        "select admin_unit_code, numerator, value, is_publishable from mart_build.fct_indicator where period_code ="
        " '2023' and indicator_code = 'poor_household_count' and admin_unit_level = 'commune'"
        " and breakdown_code = '' order by 1"
    )
    assert found == [("07615", None, None, False), ("07616", 0, 0, True)]


def test_what_a_layout_does_not_carry_is_not_known(query: Query) -> None:
    assert query(
        "select class_code, area_type, income_per_capita_vnd, deprivation_count, class_derived_code"
        " from mart_build.fct_household_review where review_year = 2024"
    ) == [("poor", None, None, None, None)]
    found = query(
        "select indicator_code, numerator, is_publishable from mart_build.fct_indicator where period_code = '2024'"
        " and admin_unit_code = '07615' and breakdown_code in ('', 'water') and indicator_code in ('deprivation_rate',"
        " 'poor_household_count', 'poor_household_income_per_capita', 'poor_merit_household_count')"
        " order by 1"
    )
    assert found == [
        ("deprivation_rate", None, False),
        ("poor_household_count", 1, True),
        ("poor_household_income_per_capita", None, False),
        ("poor_merit_household_count", None, False),
    ]


def test_a_person_is_public_without_personal_data(query: Query) -> None:
    key = surrogate(secret(get_settings()), "07615-00001/1/male/1990/2022")
    assert query(
        "select person_key, household_key, sex, age, has_health_insurance, is_studying, class_code, commune_code"
        " from mart_build.fct_household_member"
    ) == [(key, "07615-00001@2021", "male", 32, True, None, "poor", "07615")]
    assert query(
        "select indicator_code, numerator, denominator from mart_build.fct_indicator where period_code = '2022'"
        " and admin_unit_code = '07615' and indicator_code like any"
        " (array['health_insurance%%', 'legal_aid%%', 'tuition%%']) order by 1"
    ) == [("health_insurance_coverage", 1, 1)]  # nobody's study is told; of supports none came of those agencies


def test_movement_is_counted_beside_what_is_declared(query: Query) -> None:
    found = query(
        "select commune_code, counted, poor_start, poor_from_near_poor, poor_end, declared_poor_end, gap_poor_end,"
        " near_poor_start, declared_near_poor_start, gap_near_poor_start, gap_near_poor_end"
        " from mart_build.fct_poverty_movement where review_year = 2022 and counted = 'households' or"
        " review_year = 2022 and commune_code = '07615' order by 1, 2"
    )
    assert found == [
        ("07615", "households", 0, 1, 1, None, None, 1, 2, 1, None),
        ("07615", "persons", 0, 4, 4, 3, -1, 4, None, None, None),
        ("07616", "households", 2, 0, 2, None, None, 0, None, None, None),
        ("07621", "households", 0, 0, 0, None, None, 0, None, None, None),
        ("07813", "households", None, None, 1, None, None, None, None, None, None),  # nothing tells the start
    ]
    # of the list of 2023 every row of this commune is held
    assert query(
        "select counted, poor_start, poor_end, unexplained_count from mart_build.fct_poverty_movement"
        " where review_year = 2023 and commune_code = '07615' order by 1"
    ) == [("households", None, None, None), ("persons", None, None, None)]


def test_households_that_left_the_list_are_unexplained(query: Query) -> None:
    """Of 2022 both poor households of 07616 are missing in 2023, whose list has one row, held, of another commune."""
    assert query(
        "select counted, poor_start, poor_other_decrease, poor_end, unexplained_count"
        " from mart_build.fct_poverty_movement where review_year = 2023 and commune_code = '07616' order by 1"
    ) == [("households", 2, 2, 0, 2), ("persons", 8, 8, 0, 8)]


def test_funds_activities_and_tasks_have_their_places(query: Query) -> None:
    assert query(
        "select admin_unit_level, admin_unit_key, district_code, province_code, disbursed_vnd, disbursed_in_quarter_vnd"
        " from mart_build.fct_programme_finance"
    ) == [("district", "220@1900-01-01", "220", "24", 3, None)]  # of the quarters before nothing is known
    assert query(
        "select period_code, admin_unit_level, breakdown_code, numerator, denominator, coverage_rate"
        " from mart_build.fct_indicator where indicator_code = 'fund_disbursement_rate' and admin_unit_code = '220'"
        " and breakdown_kind_code in ('', 'project') order by 1, 3"
    ) == [
        ("2022", "district", "", 3, 9, pytest.approx(Decimal(100) / 12)),  # of three agencies and four quarters one
        ("2022", "district", "capacity", 3, 9, 25),
        ("2022-Q4", "district", "", 3, 9, pytest.approx(Decimal(100) / 3)),
        ("2022-Q4", "district", "capacity", 3, 9, 100),
    ]
    assert query("select commune_code, province_code, cost_vnd from mart_build.fct_capacity_activity") == [
        (None, "24", 5)  # names no commune: one of the province that the other reports name
    ]
    assert query("select programme_code, status_code, completion_rate from mart_build.fct_task_progress") == [
        ("NQ160-2030", "in_progress", 40)
    ]


@pytest.mark.parametrize("dataset", [name for name, _, _ in OTHER_DATASETS])
def test_accepted_rows_of_every_data_set_reach_staging(query: Query, dataset: str) -> None:
    """Those of the revision in force, and not those of the rejected one."""
    assert query(
        f"select count(*), min(revision) from staging.stg_{dataset} join ops.submission using (submission_id)"
    ) == [(1, 2)]


def test_held_and_superseded_rows_reach_no_model(query: Query) -> None:
    assert query("select count(*) from staging.stg_household_review where review_year = 2023") == [(0,)]
    assert query("select count(*) from staging.stg_household_review_held") == [(1,)]


def test_a_sender_who_sent_nothing_is_a_row(query: Query) -> None:
    found = query(
        "select sender_code, status_code, is_expected, due_on, revision_count, rows_sent, is_on_time"
        " from mart_build.fct_report where dataset = 'review_result' and period_code = '2022' order by 1"
    )
    due = date(2022, 12, 20)
    assert len(found) == 10  # the districts of Bắc Giang
    assert found[1] == ("huyen-215", "missing", True, due, 0, None, False)
    assert ("huyen-220", "accepted", True, due, 2, 1, False) in found


def test_a_year_under_two_standards_owes_two_lists(query: Query) -> None:
    found = query(
        "select period_code, standard_code, status_code from mart_build.fct_report"
        " where dataset = 'household_review' and sender_code = 'huyen-220' order by 1, 2"
    )
    assert found == [
        ("2021", OLD, "accepted"),
        ("2021", NEW, "accepted"),
        ("2022", NEW, "accepted"),
        ("2023", NEW, "accepted"),
        ("2024", NEW, "accepted"),
    ]


def test_communes_owe_reports_from_2025_on(query: Query) -> None:
    found = query(
        "select left(sender_code, 3), count(*) filter (where status_code = 'missing'),"
        " count(*) filter (where status_code = 'accepted'), min(admin_unit_code) from mart_build.fct_report"
        " where dataset = 'commune_profile' and period_code = '2025' group by 1"
    )
    # of the 99 communes of the new province one sent its profile
    assert found == [("xa-", 98, 1, "07210")]


def test_an_agency_owes_from_the_first_quarter_that_was_sent(query: Query) -> None:
    assert query(
        "select min(period_code), count(*) filter (where status_code = 'accepted') from mart_build.fct_report"
        " where dataset = 'credit_loan' and is_expected"
    ) == [("2022-Q3", 1)]
    leads = {"mttq", "nhcsxh", "sldtbxh", "stc", "stttt"}  # of tasks of the plan that runs in 2022
    found = query(
        "select sender_code, status_code from mart_build.fct_report"
        " where dataset = 'task_progress' and period_code = '2022-S2' and is_expected"
    )
    assert dict(found) == {sender: "accepted" if sender == "sldtbxh" else "missing" for sender in leads}


def test_completeness_of_reports(query: Query) -> None:
    found = query(
        "select admin_unit_code, numerator, denominator, value, is_publishable from mart_build.fct_indicator"
        " where indicator_code = 'reporting_completeness' and period_code = '2022'"
        " and breakdown_code = 'household_review' and admin_unit_code in ('24', '220', '215') order by 1"
    )
    assert found == [("215", 0, 1, 0, True), ("220", 1, 1, 100, True), ("24", 2, 10, 20, True)]


def test_a_loan_finds_its_household_and_its_province(query: Query) -> None:
    assert query(
        "select loan_id, household_code, class_code, commune_code, district_code, province_code"
        " from mart_build.fct_credit_loan order by 1"
    ) == [
        ("a", "07616-00002", "poor", "07616", "220", "24"),
        ("b", "07615-00009", None, "07615", "220", "24"),
        ("c", None, None, None, None, "24"),
    ]
    assert query(
        "select admin_unit_code, value from mart_build.fct_indicator where indicator_code = 'credit_disbursed'"
        " and breakdown_code = '' order by admin_unit_level, 1"
    ) == [("07615", 7_000_000), ("07616", 20_000_000), ("220", 27_000_000), ("24", 28_000_000)]
    assert query(
        "select numerator, denominator, coverage_rate from mart_build.fct_indicator"
        " where indicator_code = 'preferential_credit_coverage' and admin_unit_code = '220'"
    ) == [(1, 2, 40)]  # the list of the district, and one quarter of four of the bank


def test_the_two_level_system_has_no_district(query: Query) -> None:
    assert query(
        "select period_code, commune_code, district_code, admin_unit_key from mart_build.fct_support order by 1, 2"
    ) == [
        ("2022-Q4", "07615", "220", "07615@1900-01-01"),
        ("2022-Q4", "07813", "223", "07813@1900-01-01"),
        ("2025-Q3", "07615", None, "07615@2025-07-01"),
    ]
    levels = query("select distinct admin_unit_level from mart_build.fct_indicator where period_code like '2025%%'")
    assert sorted(levels) == [("commune",), ("province",)]


def test_a_version_of_a_household_is_kept(query: Query) -> None:
    assert query(
        "select household_key, class_code, valid_from_year, valid_to_year, is_current from mart_build.dim_household"
        " where household_code = '07615-00001' order by 1"
    ) == [
        # 2021 and 2022 alike: in a year under two standards the earlier one is in force
        ("07615-00001@2021", "poor", 2021, None, True),
    ]


def test_every_mart_has_a_key_and_a_comment_on_everything(query: Query) -> None:
    tables = "select oid as id from pg_class where relnamespace = 'mart_build'::regnamespace and relkind = 'r'"
    assert len(query(tables)) >= 25
    without_key = (
        f"select id::regclass::text from ({tables}) t where obj_description(id, 'pg_class') is null"
        " or not exists (select 1 from pg_constraint where conrelid = id and contype = 'p')"
    )
    assert query(without_key) == []
    without_comment = (
        f"select id::regclass::text, attname from pg_attribute join ({tables}) t on id = attrelid"
        " where attnum > 0 and not attisdropped and col_description(id, attnum) is null"
    )
    assert query(without_comment) == []


def test_an_unknown_layer_is_refused(prepared_url: str) -> None:
    with pytest.raises(ValueError, match="no layer"):
        build("reports", prepared_url)  # type: ignore[arg-type]


def test_the_password_stands_in_no_log_or_artifact(query: Query, province: str, home: Path) -> None:
    password = psycopg.conninfo.conninfo_to_dict(province)["password"]
    written = [path for path in (home / "dbt").rglob("*") if path.is_file()]
    assert any(path.name == "dbt.log" for path in written)
    assert any("nodes" in json.loads(path.read_text()) for path in written if path.name == "manifest.json")
    assert [path.name for path in written if str(password).encode() in path.read_bytes()] == []


def test_a_failing_node_stops_the_build_and_is_named(query: Query, province: str) -> None:
    """The last test of this module: it leaves the database with a report that the gate would never accept."""
    case = support("same", "07615-00001", "eligible", None)
    with psycopg.connect(province) as db:
        submit(db, "sxd", "support_delivery", "2023-Q1", "", case, case)
    build("intermediate", province)
    with pytest.raises(BuildError, match="fct_support") as error:
        build("marts", province)
    assert [node.name for node in error.value.failed] == ["fct_support"]
