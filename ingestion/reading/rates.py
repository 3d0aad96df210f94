"""Rates that a report states beside its counts, checked and not loaded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from ingestion.reading.cells import TwoReadings, is_blank, parse_number
from ingestion.reading.layout import PlacedRate

_LEAST_TOLERANCE = Decimal("0.005")
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class WrongRate:
    """A rate that is not its part of the whole: indices of row and column in the sheet, what it says and should say.

    `expected` is in percent, None where there is nothing to divide by.
    """

    row: int
    index: int
    heading: str
    stated: str
    expected: Decimal | None


@dataclass(frozen=True, slots=True)
class _Stated:
    """A rate as written: its value, its decimal places, whether it carries a percent sign."""

    value: Decimal
    places: int
    percent: bool


def wrong_rates(
    rate: PlacedRate,
    rows: Sequence[int],
    written: Sequence[str | None],
    part: Sequence[int | Decimal | None],
    whole: Sequence[int | Decimal | None],
) -> list[WrongRate]:
    """The cells of a column of rates that do not say 100 × part / whole, by row.

    They are compared at the precision that is written. A number without decimals is as exact as the column: programs
    leave out zeros at the end. Cells formatted as a percentage hold a hundredth of what they show. A blank says
    nothing, and neither does a part or a whole that is blank or cannot be read.
    """
    stated = [_stated(text) for text in written]
    places = max((item.places for item in stated if isinstance(item, _Stated) and not _is_long(item)), default=0)
    expected = [
        None if count is None or not total else Decimal(count) * 100 / Decimal(total)
        for count, total in zip(part, whole, strict=True)
    ]
    scale = _scale(stated, expected, places)
    found = []
    for row, text, item, right, count, total in zip(rows, written, stated, expected, part, whole, strict=True):
        if item is None or text is None or count is None or total is None:
            continue
        if not _fits(item, right, scale, places):
            shown = None if right is None else right.quantize(_CENT, ROUND_HALF_UP)
            found.append(WrongRate(row, rate.index, rate.heading, text, shown))
    return found


def _stated(text: str | None) -> _Stated | str | None:
    """The rate that a text writes, None for a blank one, the text itself where it is no number."""
    if text is None or is_blank(text):
        return None
    bare = text.strip().removesuffix("%").strip()
    number = parse_number(bare, None)
    if isinstance(number, TwoReadings):
        number = number.decimal  # 3,125 percent, rather than three thousand
    if number is None:
        return text
    return _Stated(number, max(0, -int(number.as_tuple().exponent)), percent=text.strip().endswith("%"))


def _is_long(item: _Stated) -> bool:
    """Whether a rate was computed and never rounded."""
    return item.places > 6


def _scale(stated: Iterable[_Stated | str | None], expected: Iterable[Decimal | None], places: int) -> int:
    """100 where the column holds fractions that are shown as percentages, else 1: whichever more of its cells fit."""
    pairs = [(item, right) for item, right in zip(stated, expected, strict=True) if isinstance(item, _Stated) and right]
    fitting = {scale: sum(_fits(item, right, scale, places) for item, right in pairs) for scale in (1, 100)}
    return 100 if fitting[100] > fitting[1] else 1


def _fits(item: _Stated | str, right: Decimal | None, scale: int, places: int) -> bool:
    if isinstance(item, str):
        return right is None  # an error of dividing by zero, a dash
    if right is None:
        return item.value == 0
    factor = 1 if item.percent else scale
    exact = item.places or (places if factor == 1 else item.places)
    tolerance = max(_LEAST_TOLERANCE, Decimal(5).scaleb(-exact - 1) * factor)
    return abs(item.value * factor - right) <= tolerance
