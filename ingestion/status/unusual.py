"""What moved unusually: the newest value of each series against its own past in the same season.

Series are the rows of every sender's data set and the province's indicators. A third quarter is compared with third
quarters, a year with years, an indicator with figures under the same poverty standard that rest on as many reports.
With four earlier values or more the measure is robust: the distance from their median in units of their median absolute
deviation, so that one odd year hides nothing. With two or three only what is beyond half or double of all of them is
told. With fewer nothing can be said, and these are counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from math import inf
from statistics import median
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row

ENOUGH = 4  # earlier values from which a median absolute deviation means something
LEAST = 2  # earlier values with which a value is compared at all
MOST_DEVIATIONS = 3.5  # from the median; the customary bound
DEVIATION = 1.4826  # median absolute deviations in a standard deviation
LEAST_SPREAD = 0.1  # of the median: a series that hardly ever moved may move a little
MOST_RATIO = 2.0  # to every value of a short past
LEAST_DIFFERENCE = {"row": 30, "percent": 5}  # by unit; less is never unusual
SAME_COVERAGE = 5  # percentage points between figures that rest on as many reports


@dataclass(frozen=True, slots=True)
class Moved:
    """A newest value that is unusual: the rows of data set `name` by sender `place`, or an indicator of a province.

    `earlier` are the values of the same season before, oldest first; `usual` is their median.
    """

    kind: Literal["rows", "indicator"]
    name: str
    place: str
    standard_code: str
    period_code: str
    unit: str
    value: float
    usual: float
    earlier: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """What moved unusually, that most first; how many series were compared, and of how many the past is too short."""

    moved: tuple[Moved, ...] = ()
    compared_count: int = 0
    too_short_count: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a series."""

    kind: Literal["rows", "indicator"]
    name: str
    place: str
    standard_code: str
    cadence: str
    period_code: str
    period_end: date
    unit: str
    value: float
    coverage_rate: float

    @property
    def season(self) -> str:
        """Q1 to Q4, S1 or S2, nothing for a year."""
        return self.period_code[5:]

    @property
    def series(self) -> tuple[str, ...]:
        """What its values are of."""
        return self.kind, self.name, self.place, self.standard_code, self.cadence


def movement(connection: psycopg.Connection[Any]) -> Movement:
    """What moved unusually in the reports in force and, where something is published, in the province's indicators."""
    return compare(_values(connection))


def compare(values: Iterable[Value]) -> Movement:
    """Compare each series' newest value with those of its season before.

    A series that ended before others of its name (a district after 30 June 2025, a sender who is late) has no newest
    value to compare.
    """
    ordered = sorted(values, key=lambda each: (*each.series, each.period_end))
    newest: dict[tuple[str, str, str], date] = {}
    for each in ordered:
        of_name = each.kind, each.name, each.cadence
        newest[of_name] = max(each.period_end, newest.get(of_name, date.min))
    found: list[tuple[float, Moved]] = []
    compared = too_short = 0
    for _, group in groupby(ordered, key=lambda each: each.series):
        *before, last = group
        if last.period_end < newest[last.kind, last.name, last.cadence]:
            continue
        earlier = [each.value for each in before if _is_comparable(each, last)]
        if len(earlier) < LEAST:
            too_short += 1
            continue
        compared += 1
        if (excess := _excess(last.value, earlier, last.unit)) > 1:
            moved = Moved(
                last.kind, last.name, last.place, last.standard_code, last.period_code, last.unit, last.value,
                median(earlier), tuple(earlier),
            )  # fmt: skip
            found.append((excess, moved))
    found.sort(key=lambda each: (-each[0], each[1].kind, each[1].name, each[1].place))
    return Movement(tuple(moved for _, moved in found), compared, too_short)


def _is_comparable(earlier: Value, last: Value) -> bool:
    return earlier.season == last.season and abs(earlier.coverage_rate - last.coverage_rate) <= SAME_COVERAGE


def _excess(value: float, earlier: Sequence[float], unit: str) -> float:
    """How far beyond the bound a value is, as a ratio to it; 1 or less is usual."""
    usual = median(earlier)
    if abs(value - usual) < LEAST_DIFFERENCE.get(unit, 0):
        return 0
    if len(earlier) >= ENOUGH:
        spread = max(DEVIATION * median(abs(each - usual) for each in earlier), LEAST_SPREAD * abs(usual))
        return _ratio(abs(value - usual), MOST_DEVIATIONS * spread)
    return max(_ratio(value, max(earlier)), _ratio(min(earlier), value)) / MOST_RATIO


def _ratio(value: float, bound: float) -> float:
    if bound > 0:
        return value / bound
    return inf if value > 0 else 0


def _values(connection: psycopg.Connection[Any]) -> Iterator[Value]:
    with connection.cursor(row_factory=class_row(Value)) as cursor:
        # a year may stand under two poverty standards, and have the same households on two lists
        yield from cursor.execute(
            "select 'rows' as kind, dataset as name, sender_code as place, '' as standard_code,"
            " coalesce(nullif(substr(period_code, 6, 1), ''), 'A') as cadence, period_code, period_end, 'row' as unit,"
            " max(row_count)::float as value, 100.0::float as coverage_rate from ops.submission"
            " where status_code in ('accepted', 'accepted_with_findings') and period_end is not null"
            " group by dataset, sender_code, period_code, period_end"
        )
        published = connection.execute("select to_regclass('mart.fct_indicator') is not null").fetchone()
        if published == (True,):
            yield from cursor.execute(
                "select 'indicator' as kind, f.indicator_code as name, f.admin_unit_code as place, f.standard_code,"
                " p.cadence, p.period_code, p.end_date as period_end, i.unit, f.value::float, f.coverage_rate::float"
                " from mart.dim_indicator as i cross join mart.dim_period as p"
                " inner join mart.fct_indicator as f on f.indicator_code = i.indicator_code"
                " and f.period_code = p.period_code and f.admin_unit_level = 'province' and f.breakdown_code = ''"
                " where f.value is not null"
                " and i.indicator_code not in ('reporting_completeness', 'reporting_timeliness')"
            )
