"""Rates beside their counts: compared as they are written."""

from decimal import Decimal
from typing import Any

import pytest

from ingestion.reading.layout import PlacedRate
from ingestion.reading.rates import wrong_rates

RATE = PlacedRate(3, "Tỷ lệ", "poor_count", "household_count")


def wrong(written: list[str | None], part: list[Any], whole: list[Any]) -> list[tuple[int, str, Decimal | None]]:
    found = wrong_rates(RATE, range(10, 10 + len(written)), written, part, whole)
    return [(item.row, item.stated, item.expected) for item in found]


def test_right_rates() -> None:
    assert wrong(["12.5", "33.33", "0", "100"], [1, 1, 0, 7], [8, 3, 5, 7]) == []


def test_a_wrong_rate_tells_what_it_should_be() -> None:
    assert wrong(["12.6", "33.33"], [1, 1], [8, 3]) == [(10, "12.6", Decimal("12.50"))]


def test_the_tolerance_is_half_of_the_last_place_that_is_written() -> None:
    assert wrong(["33.3", "33.33", "33.35"], [1, 1, 1], [3, 3, 3]) == [(12, "33.35", Decimal("33.33"))]
    assert wrong(["0.12", "0.13"], [1, 1], [800, 800]) == []  # 0.125 exactly: either way of rounding


def test_a_number_without_decimals_is_as_exact_as_its_column() -> None:
    assert wrong(["33", "67"], [1, 2], [3, 3]) == []
    assert wrong(["33", "66.67"], [1, 2], [3, 3]) == [(10, "33", Decimal("33.33"))]
    assert wrong(["25", "66.67"], [1, 2], [4, 3]) == []


def test_rates_that_no_one_rounded() -> None:
    assert wrong(["33.333333333333336", "66.7"], [1, 2], [3, 3]) == []
    assert wrong(["33.343333333333336"], [1], [3]) == [(10, "33.343333333333336", Decimal("33.33"))]


def test_fractions_shown_as_percentages() -> None:
    assert wrong(["0.0434", "0.125", "1"], [434, 1, 3], [10_000, 8, 3]) == []
    assert wrong(["0.0434", "0.125", "0.5"], [434, 1, 3], [10_000, 8, 3]) == [(12, "0.5", Decimal("100.00"))]


def test_one_small_rate_is_no_fraction() -> None:
    assert wrong(["0.16", "0.35", "0.2"], [4, 4, 4], [2490, 1145, 2050]) == []


@pytest.mark.parametrize("written", ["4,34%", "4.34 %", "4,34", "4.340", "4,3"])
def test_ways_to_write(written: str) -> None:
    assert wrong([written], [434], [10_000]) == []


@pytest.mark.parametrize("written", [None, "", "-", "0", "0,00", "0%", "#DIV/0!"])
def test_nothing_to_divide_by(written: str | None) -> None:
    assert wrong([written, written], [0, 0], [0, None]) == []


def test_a_rate_where_there_is_nothing_to_divide_by() -> None:
    assert wrong(["3.5"], [0], [0]) == [(10, "3.5", None)]


def test_a_blank_rate_or_part_says_nothing() -> None:
    assert wrong([None, "-", "5"], [1, 1, None], [8, 8, 8]) == []


def test_a_text_that_is_no_number() -> None:
    assert wrong(["cao"], [1], [8]) == [(10, "cao", Decimal("12.50"))]


def test_impossible_rates_that_are_right() -> None:
    assert wrong(["2040", "1778.3"], [102, 106_698], [5, 6000]) == []
