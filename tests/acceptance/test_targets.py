"""All 43 targets of the plans by made-up histories, against a calculation of its own: fractions, no SQL.

A history gives each indicator a course from its start towards what the plan asks for. The tables that the target models
read are filled with it, in whole provinces, and the models built on them.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.rows import dict_row

from dbt_project.build import PROJECT_DIR, _invoke, seed_if_changed
from ingestion.settings import REFERENCE_DIR, get_settings
from ingestion.warehouse import prepare

MODELS = "poverty_model_count"
# where a course begins; the others at 60
STARTS = {
    "BG13-II2a-1": 12,
    "BG13-II2c": 0,
    "BG13-III11-1": 40,
    "BG13-III11-2": 20,
    "BG13-III33-2": 400_000_000,
    "BG17-12-1": 13,
    "CB17-4": 600_000,
    "NB21-I1c-1": 9_000,
}
ONE = Fraction(1)
# Resolution 30a and the lists after it, as of the baseline years of the plans
POOR_DISTRICTS = {"220", "042", "043", "045", "048", "053"}


def listed(name: str) -> list[dict[str, str]]:
    with (REFERENCE_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Target:
    code: str
    province: str
    standard: str
    indicator: str
    part: str
    scope: str
    comparator: str
    low: Fraction
    high: Fraction
    measure: str
    baseline: int | None
    begins: int
    due: int

    @property
    def goal(self) -> Fraction:
        """The bound that is met first."""
        return self.high if self.comparator == "at_most" else self.low

    @property
    def origin(self) -> int:
        return self.baseline or self.begins - 1

    def reached(self, value: Fraction) -> bool:
        return {
            "at_most": value <= self.high,
            "at_least": value >= self.low,
            "more_than": value > self.low,
            "between": self.low <= value <= self.high,
        }[self.comparator]


def targets() -> list[Target]:
    programmes = {row["code"]: row for row in listed("programme")}
    found = []
    for row in listed("programme_target"):
        plan = programmes[row["programme_code"]]
        indicator, _, part = row["indicator_code"].partition(":")
        found.append(
            Target(
                code=row["target_code"],
                province=plan["province_code"],
                standard=plan["poverty_standard"],
                indicator=indicator,
                part=part,
                scope=row["scope"],
                comparator=row["comparator"],
                # a third is written 0.333333
                low=Fraction(row["value_low"]).limit_denominator(1000),
                high=Fraction(row["value_high"]).limit_denominator(1000),
                measure=row["measure"],
                baseline=int(row["baseline_year"]) if row["baseline_year"] else None,
                begins=int(plan["start_year"]),
                due=int(row["due_year"]),
            )
        )
    return found


TARGETS = targets()
BY_CODE = {target.code: target for target in TARGETS}
# the second target of BG17 reads the course of the first: 13 percent less 2 points a year are 5 percent in 2020
COURSES = [target for target in TARGETS if target.code != "BG17-12-3"]


def destination(target: Target) -> Fraction:
    """What the indicator comes to in the due year if the target is just reached."""
    start = Fraction(STARTS.get(target.code, 60))
    if target.measure == "average_annual_reduction":
        assert target.baseline
        return start - target.low * (target.due - target.baseline)
    if target.measure == "ratio_to_baseline":
        return start * target.goal
    return target.goal


def along(target: Target, share: Fraction) -> Fraction:
    start = Fraction(STARTS.get(target.code, 60))
    return start + (destination(target) - start) * share


def just_beyond(target: Target) -> Fraction:
    """The end of a course that arrives: at the bound, where the bound is not enough a little beyond."""
    return Fraction(101, 100) if target.comparator == "more_than" else Fraction(1)


def arrives(target: Target, year: int) -> Fraction:
    if target.measure == "each_year":
        return target.goal
    return along(target, just_beyond(target) * Fraction(year - target.origin, target.due - target.origin))


def falls_short(target: Target, year: int) -> Fraction:
    if target.measure == "each_year":
        return target.low - 1
    share = Fraction(year - target.origin, target.due - target.origin)
    return along(target, share / 2 if share < 1 else Fraction(99, 100))


def is_early(target: Target, year: int) -> Fraction:
    if target.measure == "each_year":
        return target.high
    return along(target, Fraction(0) if year == target.origin else just_beyond(target))


@dataclass(frozen=True)
class History:
    name: str
    course: Callable[[Target, int], Fraction]
    # the year whose reports are missing: due, first (the baseline year, else the first of the plan) or none
    gap: str = ""
    is_gap_partial: bool = False
    is_profile_missing: bool = False

    def lacks(self, target: Target, year: int) -> bool:
        return year == {"": None, "due": target.due, "first": target.baseline or target.begins}[self.gap]

    def value(self, target: Target, year: int) -> Fraction | None:
        """The indicator of a year; None where reports are missing."""
        course = BY_CODE["BG17-12-1"] if target.code == "BG17-12-3" else target
        if self.lacks(course, year):
            return None
        if self.is_profile_missing and course.scope.startswith("group:") and (course.baseline or year == 2014):
            return None
        return self.course(course, year)


HISTORIES = [
    History("arrives", arrives),
    History("falls short", falls_short),
    History("is early", is_early),
    History("due year missing", arrives, gap="due"),
    History("due year in part", arrives, gap="due", is_gap_partial=True),
    History("baseline missing", falls_short, gap="first"),
    History("baseline in part", arrives, gap="first", is_gap_partial=True),
    History("profile of a district missing", arrives, is_profile_missing=True),
]


def expected(target: Target, history: History, year: int) -> str:
    value = history.value(target, year)
    if value is None:
        return "no_data"
    left = target.due - year
    if target.measure == "each_year":
        return "met" if target.reached(value) else "missed"
    if target.measure == "level":
        years = [y for y in range(target.origin, year + 1) if history.value(target, y) is not None]
        start, goal, begun = history.value(target, years[0]), target.goal, years[0]
        is_reached = target.reached(value)
    else:
        assert target.baseline
        start, begun = history.value(target, target.baseline), target.baseline
        if start is None:
            return "no_data"
        if target.measure == "ratio_to_baseline":
            goal, is_reached = start * target.goal, target.reached(value / start)
        else:
            goal = start - target.low * (target.due - begun)
            is_reached = value <= goal
    if is_reached:
        return "met"
    if not left:
        return "missed"
    assert start is not None
    on_path = start + (goal - start) * Fraction(year - begun, target.due - begun)
    return "on_track" if (value <= on_path if goal < start else value >= on_path) else "off_track"


UNITS = listed("admin_unit")
SUCCESSORS = listed("admin_unit_successor")
# a poor commune, one of Programme 135 and an extremely difficult one, by district: the first of each
POOR, PROGRAMME_135, DIFFICULT = {"219", "051"}, {"218", "220"}, {"217"}
# whose profile of the year that tells the members may be missing
LATE = {("219", 2012), ("219", 2014), ("219", 2016), ("053", 2015)}


@cache
def districts(province: str) -> list[str]:
    found = [u for u in UNITS if u["level"] == "district" and u["parent_code"] == province and not u["valid_from"]]
    return sorted(unit["code"] for unit in found)


@cache
def communes(district: str) -> list[str]:
    """Three of a district stand for all: complete is what every district reported."""
    found = [u for u in UNITS if u["level"] == "commune" and u["parent_code"] == district and not u["valid_from"]]
    return sorted(unit["code"] for unit in found)[:3]


def course_of(target: Target) -> list[str]:
    """The communes of a group that has a baseline. Those of Lục Ngạn have the same course in two groups."""
    if target.scope == "group:bg_luc_ngan_13_communes":
        return communes("219")[:1]
    if target.scope == "group:bg_son_dong_and_13_communes":
        return communes("220")
    flagged = PROGRAMME_135 if target.province == "24" else POOR
    found = []
    for district in districts(target.province):
        found += communes(district) if district in POOR_DISTRICTS else communes(district)[: district in flagged]
    return found


def communes_of_new_ninh_binh() -> tuple[list[str], list[str], list[str]]:
    """From 1 July 2025: those that the old Ninh Bình became, the others of the new one, and old codes that ended."""
    inside = {unit["code"] for unit in UNITS if unit["level"] == "district" and unit["parent_code"] == "37"}
    old = {u["code"] for u in UNITS if u["parent_code"] in inside and u["valid_to"] == "2025-06-30"}
    own = {row["new_commune_code"] for row in SUCCESSORS if row["old_commune_code"] in old}
    new = {u["code"] for u in UNITS if u["level"] == "commune" and u["parent_code"] == "37"}
    return sorted(own), sorted(new - own), sorted(old - new)


OWN, OTHERS, ENDED = communes_of_new_ninh_binh()
UNIT_OF = {row["code"]: (row["unit"], row["denominator"]) for row in listed("indicator")}


class World:
    """The rows of fct_indicator and fct_commune_profile that a history leaves."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.figures: dict[tuple[str, ...], dict[str, Any]] = {}
        self.profiles: list[dict[str, Any]] = []
        for target in COURSES:
            for year in range(target.origin, target.due + 1):
                if not history.lacks(target, year) or history.is_gap_partial:
                    self.tell(target, year)
        for province, years in (("24", range(2012, 2021)), ("04", range(2015, 2021))):
            for year in years:
                self.tell_profiles(province, year)

    def tell(self, target: Target, year: int) -> None:
        value = self.history.course(target, year)
        is_whole = not self.history.lacks(target, year)
        if target.indicator == MODELS:
            # in a commune of the group and in one that is extremely difficult; none in the other members
            self.add(target, year, "commune", communes("216")[0], value, is_whole=is_whole)
            self.add(target, year, "commune", communes("217")[0], Fraction(7), is_whole=is_whole)
            self.add(target, year, "province", "24", value + 7, is_whole=is_whole)
        elif target.scope.startswith("group:"):
            self.spread(target, year, course_of(target), value, is_whole=is_whole)
        elif (target.province, year) == ("37", 2025):
            # the new province of that code is another one: of its figure only the agencies' coverage counts
            self.add(target, year, "province", "37", value * 3 + 100, is_whole=is_whole)
            self.add(target, year, "commune", OTHERS[0], value * 2 + 1)
            self.spread(target, year, [OWN[0], ENDED[0], OWN[-1]] if target.part else OWN, value, is_whole=is_whole)
        else:
            self.add(target, year, "province", target.province, value, is_whole=is_whole)

    def spread(self, target: Target, year: int, places: list[str], value: Fraction, *, is_whole: bool) -> None:
        """Over communes of unlike rates, whose mean would be another figure. One is missing if it is not whole."""
        first, *others = places
        count = len(places)
        if is_whole:
            self.add(
                target,
                year,
                "commune",
                first,
                value,
                1 - Fraction(count - 1, 2 * count),
                1 - Fraction(count - 1, 3 * count),
            )
        for place in others:
            self.add(target, year, "commune", place, value, Fraction(1, 2 * count), Fraction(1, 3 * count))

    def add(
        self,
        target: Target,
        year: int,
        level: str,
        place: str,
        value: Fraction,
        numerator: Fraction = ONE,
        denominator: Fraction = ONE,
        *,
        is_whole: bool = True,
    ) -> None:
        """A part of the numerator and of the denominator whose quotient is the value."""
        unit, is_over = UNIT_OF[target.indicator]
        total = Fraction(6**8) if is_over else ONE
        row = {
            "indicator_code": target.indicator,
            "period_code": str(year),
            "standard_code": target.standard if target.indicator.startswith("poor_") else "",
            "admin_unit_level": level,
            "admin_unit_code": place,
            "breakdown_kind_code": "policy_group" if target.part else "",
            "breakdown_code": target.part,
            "numerator": exact(value * numerator * total / (100 if unit == "percent" else 1)),
            "denominator": exact(denominator * total) if is_over else None,
            "coverage_rate": 100 if is_whole else 90,
            "is_publishable": is_whole,
        }
        # the value that a reader must not take instead of the sums
        row["value"] = exact(value * numerator / denominator) if is_over else row["numerator"]
        self.figures[target.indicator, str(year), level, place, target.part] = row

    def tell_profiles(self, province: str, year: int) -> None:
        province_rate = BY_CODE["BG13-II2a-1"]
        for district in districts(province):
            for place, commune in enumerate(communes(district)):
                if self.history.is_profile_missing and (district, year) in LATE:
                    continue
                # a commune that leaves the lists after the baseline year stays in its group
                is_on_list = place == 0 and year in (2012, 2015, 2016)
                self.profiles.append(
                    {
                        "commune_code": commune,
                        "year": year,
                        "district_code": district,
                        "province_code": province,
                        "is_poor_commune": is_on_list and district in POOR,
                        "is_programme_135": is_on_list and district in PROGRAMME_135,
                        "is_extremely_difficult": place == 0 and district in DIFFICULT,
                    }
                )
                if province == "24" and year <= 2015 and commune not in communes("220") + communes("219")[:1]:
                    rate = Fraction(25 if district in {"216", "217"} and place == 0 else 10)
                    self.add(province_rate, year, "commune", commune, rate)


def exact(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


BUILT = ("bridge_target_commune", "fct_target_progress")
READ = ("fct_indicator", "fct_commune_profile")


Progress = dict[tuple[str, int], dict[str, Any]]


@dataclass(frozen=True)
class Warehouse:
    """An empty warehouse and the statements of the models of targets, as dbt compiles them."""

    db: psycopg.Connection[dict[str, Any]]
    compiled: dict[str, str]

    def progress(self, history: History) -> Progress:
        """What the models make of a history."""
        world = World(history)
        for table in (*READ, *BUILT):
            self.db.execute(sql.SQL("truncate {}").format(sql.Identifier("mart_build", table)))
        insert(self.db, "fct_indicator", [*world.figures.values()])
        insert(self.db, "fct_commune_profile", [{**row, "period_code": str(row["year"])} for row in world.profiles])
        for table, statement in self.compiled.items():
            rows = self.db.execute(statement.encode()).fetchall()
            insert(self.db, table, rows)
        return {(row["target_code"], int(row["period_code"])): row for row in rows}


@pytest.fixture(scope="module")
def warehouse(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The lists and what the target models rest on; the two tables that a history fills are empty."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("CHUNGTAY_HOME", str(home))
        get_settings.cache_clear()
        prepare(warehouse_url)
        seed_if_changed(warehouse_url)
        _invoke(warehouse_url, "marts", ["run", "--select", "+dim_target", "+dim_period", "+int_target__year",
                                         "+dim_admin_unit", "+bridge_admin_unit_successor"])  # fmt: skip
        with psycopg.connect(warehouse_url) as db:
            for table in READ:
                create(db, table)
        _invoke(warehouse_url, "marts", ["run", "--select", *BUILT])
    get_settings.cache_clear()
    compiled = {path.stem: path.read_text(encoding="utf-8") for path in (home / "dbt").rglob("compiled/**/*.sql")}
    with psycopg.connect(warehouse_url, row_factory=dict_row) as db:
        yield Warehouse(db, {table: compiled[table] for table in BUILT})


def create(db: psycopg.Connection[Any], table: str) -> None:
    """An empty table with the columns of the model's contract."""
    (path,) = (PROJECT_DIR / "models").rglob(f"{table}.yml")
    (model,) = yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(column["name"]), sql.SQL(column["data_type"]))
        for column in model["columns"]
    ]
    name = sql.Identifier("mart_build", table)
    db.execute(sql.SQL("create table {} ({})").format(name, sql.SQL(", ").join(columns)))


def insert(db: psycopg.Connection[Any], table: str, rows: list[dict[str, Any]]) -> None:
    columns = list(rows[0])
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier("mart_build", table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with db.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row([row[column] for column in columns])
    db.execute(sql.SQL("analyze {}").format(sql.Identifier("mart_build", table)))


@pytest.fixture(scope="module")
def progress(warehouse: Warehouse) -> dict[str, Progress]:
    return {history.name: warehouse.progress(history) for history in HISTORIES}


def test_all_targets_of_the_plans_are_tried() -> None:
    assert len(TARGETS) == 43
    assert {target.measure for target in TARGETS} == {
        *("level", "average_annual_reduction", "ratio_to_baseline", "each_year"),
    }


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.code)
def test_status_of_every_year(target: Target, progress: dict[str, Progress]) -> None:
    years = range(target.begins, target.due + 1)
    wanted = {(h.name, year): expected(target, h, year) for h in HISTORIES for year in years}
    found = {(h.name, year): progress[h.name][target.code, year]["status_code"] for h in HISTORIES for year in years}
    assert found == wanted
    ends = {name: status for (name, year), status in wanted.items() if year == target.due}
    assert [ends[name] for name in ("arrives", "is early", "falls short")] == ["met", "met", "missed"]
    assert ends["due year missing"] == ends["due year in part"] == "no_data"
    if target.measure != "each_year":
        assert {"on_track", "off_track"} <= set(wanted.values())


def test_no_other_year_stands_there(progress: dict[str, Progress]) -> None:
    for found in progress.values():
        assert set(found) == {(t.code, year) for t in TARGETS for year in range(t.begins, t.due + 1)}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.code)
def test_the_required_pace_leads_to_the_bound(target: Target, progress: dict[str, Progress]) -> None:
    for history in HISTORIES:
        for year in range(target.begins, target.due):
            row = progress[history.name][target.code, year]
            value = history.value(target, year)
            if row["status_code"] in ("no_data", "met") or target.measure == "each_year":
                assert not row["pace_required"]
                continue
            assert value is not None
            pace = Fraction(row["pace_required"])
            if target.measure == "average_annual_reduction":
                end = value - pace * (target.due - year)
                assert target.baseline
                start = history.value(target, target.baseline)
                assert start is not None
                arrived = (start - end) / (target.due - target.baseline)
            else:
                arrived = Fraction(row["value"]) + pace * (target.due - year)
            assert float(arrived) == pytest.approx(float(target.goal), abs=1e-4)


def test_missing_reports_leave_no_figure(progress: dict[str, Progress]) -> None:
    rows = [row for found in progress.values() for row in found.values() if row["status_code"] == "no_data"]
    assert len(rows) > 200
    for row in rows:
        assert (row["value"], row["distance"], row["pace_so_far"], row["pace_required"]) == (None,) * 4
        if not row["is_publishable"]:
            assert (row["numerator"], row["denominator"], row["indicator_value"]) == (None,) * 3
