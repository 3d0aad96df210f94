"""Communes that were joined and divided on 1 July 2025 are followed through: nothing is counted twice or lost.

Đắk Lắk (66): Xã Ea BHốk (24550) was divided between 24561 (the main part) and 24544, two new communes that also took
over 24561, 24562 and 24544, 24547 whole. The district 657 reports for 2024, the new communes for 2025 and 2026.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from raw_reports import Connection, submit

from dbt_project.build import LAYERS, build, seed_if_changed
from ingestion.settings import get_settings
from ingestion.warehouse import prepare

STANDARD = "2021-2025"
LISTS = {
    # commune as named, household, class, members
    ("huyen-657", "2024"): [
        ("24550", "24550-00001", "poor", 4),
        ("24550", "24550-00002", "poor", 3),
        ("24550", "24550-00003", "near_poor", 2),
        ("24550", "24550-00004", "poor", 5),
        ("24561", "24561-00001", "near_poor", 6),
        ("24562", "24562-00001", "poor", 1),
        ("24544", "24544-00001", "poor", 7),
        ("24547", "24547-00001", "poor", 2),
    ],
    ("xa-24561", "2025"): [
        ("24561", "24550-00001", "poor", 5),
        ("24561", "24561-00001", "poor", 6),
        ("24561", "24562-00001", "poor", 1),
        ("24561", "24544-00001", "poor", 8),  # moved from the other new commune
    ],
    ("xa-24544", "2025"): [
        ("24544", "24550-00002", "near_poor", 3),
        ("24544", "24550-00003", "not_poor", 2),
        ("24544", "24547-00001", "poor", 2),
        ("24544", "24544-00009", "poor", 3),  # new
    ],
    ("xa-24561", "2026"): [
        ("24561", "24550-00001", "not_poor", 5),
        ("24561", "24561-00001", "poor", 6),
        ("24561", "24562-00001", "poor", 1),
        ("24561", "24544-00001", "poor", 8),
        ("24561", "24550-00004", "poor", 5),  # off the list of 2025, back
    ],
    ("xa-24544", "2026"): [
        ("24544", "24550-00002", "near_poor", 3),
        ("24544", "24547-00001", "poor", 2),
        ("24544", "24544-00009", "poor", 3),
    ],
}
PROFILES = {
    ("huyen-657", "2024"): {"24550": 400, "24561": 300, "24562": 200, "24544": 100, "24547": 500},
    ("xa-24561", "2025"): {"24561": 700},
    ("xa-24544", "2025"): {"24544": 800},
    ("xa-24561", "2026"): {"24561": 700},
    ("xa-24544", "2026"): {"24544": 800},
}
Row = tuple[Any, ...]
Query = Callable[[str], list[Row]]


@pytest.fixture(scope="module")
def query(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Query]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(tmp_path_factory.mktemp("home")))
        get_settings.cache_clear()
        prepare(warehouse_url)
        seed_if_changed(warehouse_url)
        with psycopg.connect(warehouse_url) as db:
            send(db)
        for layer in LAYERS:
            build(layer, warehouse_url)
        with psycopg.connect(warehouse_url) as db:
            yield lambda statement: db.execute(statement.encode()).fetchall()
    get_settings.cache_clear()


def send(db: Connection) -> None:
    def accepted(dataset: str, key: tuple[str, str], rows: list[dict[str, Any]], standard: str = "") -> None:
        submit(db, dataset, rows, sender=key[0], period=key[1], standard=standard, status="accepted")

    for key, households in LISTS.items():
        accepted("household_review", key, [household(*one) for one in households], STANDARD)
    for key, communes in PROFILES.items():
        accepted("commune_profile", key, [profile(code, count) for code, count in communes.items()])
    declared = {"commune_code": "24561", "counted": "households", "start": 3, "other_decrease": 0, "end": 4}
    accepted("poor_movement", ("xa-24561", "2025"), [declared])


def household(commune: str, code: str, class_code: str, members: int) -> dict[str, Any]:
    return {
        "household_code": code,
        "head_ethnic_group": "01",
        "commune_code": commune,
        "member_count": members,
        "area_type": "rural",
        "class_reported": class_code,
    }


def profile(code: str, households: int) -> dict[str, Any]:
    flags = ("is_extremely_difficult", "is_poor_commune", "is_programme_135", "is_safe_zone", "has_paved_road")
    counts = {"household_count": households, "population": 4 * households, "ethnic_minority_household_count": 0}
    return {"commune_code": code, **counts, "village_count": 10} | dict.fromkeys(flags, False)


def test_a_household_keeps_its_code_and_its_history_in_another_commune(query: Query) -> None:
    versions = query(
        "select commune_code, class_code, valid_from_year, valid_to_year from mart_build.dim_household"
        " where household_code = '24550-00002' order by 3"
    )
    assert versions == [("24550", "poor", 2024, 2024), ("24544", "near_poor", 2025, None)]
    movements = query(
        "select household_code, review_year, movement_code from mart_build.fct_household_review"
        " where household_code in ('24550-00004', '24544-00009') order by 1, 2"
    )
    assert movements == [
        ("24544-00009", 2025, "poor_new"),  # the district's list of 2024 did not have it
        ("24544-00009", 2026, "stayed"),
        ("24550-00004", 2024, "other"),  # before our first list nothing is known
        ("24550-00004", 2026, "poor_relapsed"),
    ]


def test_the_start_of_2025_is_the_end_of_2024_in_the_new_communes(query: Query) -> None:
    figures = query(
        "select review_year, commune_code, counted, poor_start, poor_to_near_poor, poor_to_above, poor_other_decrease,"
        " poor_from_near_poor, poor_relapsed, poor_new, poor_other_increase, poor_end,"
        " poor_end_before, start_gap_poor, unexplained_count"
        " from mart_build.fct_poverty_movement where review_year > 2024 order by 1, 2, 3"
    )
    assert figures == [
        (2025, "24544", "households", 3, 1, 0, 1, 0, 0, 1, 0, 2, 3, 0, 0),
        (2025, "24544", "persons", 12, 3, 0, 7, 0, 0, 3, 0, 5, 12, 0, 0),
        (2025, "24561", "households", 3, 0, 0, 1, 1, 0, 0, 1, 4, 3, 0, 1),
        (2025, "24561", "persons", 10, 0, 0, 5, 6, 0, 0, 8, 20, 10, 0, 5),
        (2026, "24544", "households", 2, 0, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0),
        (2026, "24544", "persons", 5, 0, 0, 0, 0, 0, 0, 0, 5, 5, 0, 0),
        (2026, "24561", "households", 4, 0, 1, 0, 0, 1, 0, 0, 4, 4, 0, 0),
        (2026, "24561", "persons", 20, 0, 5, 0, 0, 5, 0, 0, 20, 20, 0, 0),
    ]
    assert query(
        "select sum(poor_end), sum(near_poor_end) from mart_build.fct_poverty_movement where review_year = 2024"
    ) == [
        (6 + 22, 2 + 8)  # households and persons: the starts of 2025 together
    ]


def test_the_households_behind_every_figure_and_gap(query: Query) -> None:
    gaps = query(
        """
        select household.column_code, gap.value::int, household.household_code, household.unexplained_reason_code,
            household.list_year
        from mart_build.fct_poverty_movement as figure
        cross join lateral jsonb_each(to_jsonb(figure)) as gap
        inner join mart_build.fct_household_movement as household
            on household.commune_code = figure.commune_code and household.review_year = figure.review_year
            and household.standard_code = figure.standard_code
            and gap.key = 'gap_' || household.form_code || '_' || household.column_code
        where figure.counted = 'households' and gap.value not in ('null', '0')
        """
    )
    assert gaps == [("other_decrease", -1, "24550-00004", "on_later_list", 2024)]
    assert query(
        "select commune_code, household_code, column_code, person_count from mart_build.fct_household_movement"
        " where household_code in ('24544-00001', '24550-00003') and review_year = 2025 order by 1, 2, 3"
    ) == [
        ("24544", "24544-00001", "other_decrease", 7),
        ("24544", "24544-00001", "start", 7),
        ("24544", "24550-00003", "escaped", 2),
        ("24544", "24550-00003", "start", 2),
        ("24561", "24544-00001", "end", 8),
        ("24561", "24544-00001", "other_increase", 8),
    ]


def test_shares_of_the_divided_commune_are_those_of_its_households(query: Query) -> None:
    """Of its four households two are found in each part; a household that moved later tells nothing of it."""
    shares = query(
        "select old_commune_code, new_commune_code, share, share_basis_code, followed_household_count"
        " from mart_build.bridge_admin_unit_share where new_commune_code in ('24544', '24561') order by 1, 2"
    )
    assert shares == [
        ("24544", "24544", 1, "whole", 0),
        ("24547", "24544", 1, "whole", 1),
        ("24550", "24544", Decimal("0.5"), "households_followed", 2),
        ("24550", "24561", Decimal("0.5"), "households_followed", 2),
        ("24561", "24561", 1, "whole", 1),
        ("24562", "24561", 1, "whole", 1),
    ]


def test_every_series_in_the_units_of_2025(query: Query) -> None:
    rates = query(
        "select period_code, admin_unit_code, numerator, denominator, is_estimate, estimated_numerator_rate,"
        " is_publishable from mart_build.fct_indicator_new_unit where indicator_code = 'poor_household_rate'"
        " and admin_unit_level = 'commune' and breakdown_code = '' order by 1, 2"
    )
    assert rates == [
        ("2024", "24544", Decimal("3.5"), 800, True, pytest.approx(Decimal(150) / Decimal("3.5")), True),
        ("2024", "24561", Decimal("2.5"), 700, True, 60, True),
        ("2025", "24544", 2, 800, False, 0, True),
        ("2025", "24561", 4, 700, False, 0, True),
        ("2026", "24544", 2, 800, False, 0, True),
        ("2026", "24561", 4, 700, False, 0, True),
    ]
    # Đắk Lắk was joined with Phú Yên, of which no report came
    assert query(
        "select period_code, admin_unit_code, numerator, denominator, coverage_rate < 100, is_publishable"
        " from mart_build.fct_indicator_new_unit where indicator_code = 'poor_household_rate'"
        " and admin_unit_level = 'province' and breakdown_code = '' order by 1"
    ) == [
        ("2024", "66", 6, 1500, True, False),
        ("2025", "66", 6, 1500, True, False),
        ("2026", "66", 6, 1500, True, False),
    ]


def test_a_code_means_a_place_of_its_day(query: Query) -> None:
    """One code for several places, one name in several districts, districts that ended."""
    units = query(
        "select code, name, district_code, province_code, valid_from::text from mart_build.dim_admin_unit"
        " where code in ('24', '22978', '07813', '07681') and level in ('province', 'commune') order by 1, 5"
    )
    assert units == [
        ("07681", "Thị trấn Nham Biền", "221", "24", "1900-01-01"),
        ("07681", "Phường Nham Biền", "213", "24", "2025-01-01"),
        ("07681", "Phường Yên Dũng", None, "24", "2025-07-01"),
        ("07813", "Xã Đồng Tân", "223", "24", "1900-01-01"),
        ("22978", "Xã Phong Phú", "595", "60", "1900-01-01"),
        ("22978", "Xã Tuy Phong", None, "68", "2025-07-01"),
        ("24", "Tỉnh Bắc Giang", None, "24", "1900-01-01"),
        ("24", "Tỉnh Bắc Ninh", None, "24", "2025-07-01"),
    ]
    twins = query(
        "select name, string_agg(code || ' ' || district_code, ', ' order by code) from mart_build.dim_admin_unit"
        " where province_code = '04' and level = 'commune' and system = 'three_level'"
        " and valid_to = '2025-06-30' group by name having count(distinct district_code) > 1"
    )
    assert ("Xã Hưng Đạo", "01351 043, 01705 040, 01783 052") in twins
    assert len(twins) == 6
    assert query("select code from mart_build.dim_admin_unit where level = 'district' and valid_to is null") == []
