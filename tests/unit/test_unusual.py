"""What is unusual, by season and by how long the past is."""

from collections.abc import Iterable
from datetime import date

import pytest

from ingestion.period import Period
from ingestion.status.unusual import Movement, Value, compare


def series(values: dict[str, float], *, unit: str = "row", place: str = "sxd", coverage: float = 100) -> list[Value]:
    return [
        Value("rows" if unit == "row" else "indicator", "name", place, "", Period.parse(code).cadence, code,
              Period.parse(code).end, unit, value, coverage)
        for code, value in values.items()
    ]  # fmt: skip


def yearly(*values: float, unit: str = "row") -> list[Value]:
    return series({str(2019 + number): value for number, value in enumerate(values)}, unit=unit)


def moved(values: Iterable[Value]) -> list[tuple[str, float, float]]:
    return [(each.period_code, each.value, each.usual) for each in compare(values).moved]


def test_a_quarter_is_compared_with_its_own_season() -> None:
    third_quarters = {f"{year}-Q3": 100.0 + year % 5 for year in range(2018, 2023)}
    others = {f"{year}-Q{number}": 900.0 for year in range(2018, 2023) for number in (1, 2, 4)}
    assert moved(series({**third_quarters, **others, "2023-Q1": 905, "2023-Q2": 890, "2023-Q3": 103})) == []
    assert moved(series({**third_quarters, **others, "2023-Q1": 905, "2023-Q2": 890, "2023-Q3": 900})) == [
        ("2023-Q3", 900, 102)
    ]


def test_one_odd_year_hides_nothing() -> None:
    assert moved(yearly(500, 510, 5000, 490, 505, 1600)) == [("2024", 1600, 505)]
    assert moved(yearly(500, 510, 5000, 490, 505, 515)) == []


def test_what_hardly_ever_moved_may_move_a_little() -> None:
    assert moved(yearly(500, 500, 500, 500, 500, 640)) == []
    assert moved(yearly(500, 500, 500, 500, 500, 700)) == [("2024", 700, 500)]


def test_a_steady_trend_is_usual() -> None:
    assert moved(yearly(1000, 800, 640, 512, 410, 328)) == []
    assert moved(yearly(100, 130, 169, 220, 286, 371)) == []


@pytest.mark.parametrize(("last", "is_unusual"), [(210, False), (215, True), (51, False), (49, True), (0, True)])
def test_with_a_short_past_only_half_or_double_of_all_of_it_is_told(last: float, is_unusual: bool) -> None:
    assert bool(moved(yearly(100, 106, last))) is is_unusual


def test_with_no_past_to_speak_of_nothing_is_said_and_that_is_counted() -> None:
    assert compare(yearly(100, 900)) == Movement((), 0, 1)
    assert compare(yearly(100)) == Movement((), 0, 1)
    assert compare([]) == Movement()


def test_small_differences_are_never_unusual() -> None:
    assert moved(yearly(3, 5, 20)) == []
    assert moved(yearly(0, 0, 31)) == [("2021", 31, 0)]
    assert moved(yearly(1, 1.2, 4, unit="percent")) == []
    assert moved(yearly(1, 1.2, 8, unit="percent")) == [("2021", 8, 1.1)]


def test_figures_that_rest_on_fewer_reports_are_not_compared() -> None:
    before = series({"2020": 1000, "2021": 1000}, unit="household")
    assert compare([*before, *series({"2022": 100}, unit="household", coverage=20)]) == Movement((), 0, 1)
    assert moved([*before, *series({"2022": 100}, unit="household", coverage=98)]) == [("2022", 100, 1000)]


def test_a_series_that_ended_is_not_told_for_ever() -> None:
    ended = series({"2020": 100, "2021": 100, "2022": 900}, place="huyen-220")
    assert moved(ended) == [("2022", 900, 100)]
    assert moved([*ended, *series({"2023": 100}, place="huyen-213")]) == []


def test_the_most_unusual_stands_first() -> None:
    values = [
        *series({"2020": 100, "2021": 100, "2022": 300}, place="a"),
        *series({"2020": 100, "2021": 100, "2022": 900}, place="b"),
    ]
    assert [each.place for each in compare(values).moved] == ["b", "a"]
    assert values[0].period_end == date(2020, 12, 31)
