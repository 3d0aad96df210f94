"""Reporting periods, as SDMX codes: `2022`, `2022-S1`, `2022-Q3`; and how a title says them in Vietnamese."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from ingestion.text import fold, without_accents

Cadence = Literal["A", "S", "Q"]
"""Once a year, every half year, every quarter."""

_MONTHS: dict[Cadence, int] = {"A": 12, "S": 6, "Q": 3}
_CODE = re.compile(r"([12][0-9]{3})(?:-(?:(S)([12])|(Q)([1-4])))?")


@dataclass(frozen=True, slots=True)
class Period:
    """One reporting period. `start` and `end` are its first and last day; `previous` is the code of the one before.

    Periods compare by their last day, then the longer one after the shorter: quarter 4, half 2, year.
    """

    code: str
    cadence: Cadence
    year: int
    start: date
    end: date
    previous: str

    @classmethod
    def parse(cls, code: str) -> "Period":
        """The period of an SDMX code; ValueError for anything else."""
        match = _CODE.fullmatch(code)
        if match is None:
            raise ValueError(f"{code!r} is not a period; expected like 2022, 2022-S1 or 2022-Q3")
        year = int(match[1])
        cadence: Cadence = "S" if match[2] else "Q" if match[4] else "A"
        number = int(match[3] or match[5] or 1)
        months = _MONTHS[cadence]
        after = months * number  # months from the start of the year to the end of the period
        following = date(year + after // 12, after % 12 + 1, 1)
        return cls(
            code=code,
            cadence=cadence,
            year=year,
            start=date(year, after - months + 1, 1),
            end=following - timedelta(days=1),
            previous=_code(year, cadence, number - 1) if number > 1 else _code(year - 1, cadence, 12 // months),
        )

    @staticmethod
    def from_title(text: str) -> str | None:
        """The code of the period that a line of a report names, as in `Kỳ báo cáo: Quý I năm 2022`.

        None where it names no reporting period, or more than one: nothing is guessed. A date (`ngày 14 tháng 12 năm
        2022`), a span of years (`giai đoạn 2021-2025`) and a school year are no period.
        """
        plain = without_accents(fold(text))
        if _CODE.fullmatch(plain.upper()):
            return plain.upper()
        plain = _NO_PERIOD.sub(" ; ", plain)
        codes: set[str] = set()
        for pattern, cadence in _PHRASES:
            for match in pattern.finditer(plain):
                codes.add(_code(int(match["year"]), cadence, _NUMBERS[match["number"]] if cadence != "A" else 1))
            plain = pattern.sub(" ; ", plain)
        if _UNDATED.search(plain):  # "quý IV và cả năm 2022" names two periods
            return None
        return codes.pop() if len(codes) == 1 else None

    def __lt__(self, other: "Period") -> bool:
        return (self.end, -self.start.toordinal()) < (other.end, -other.start.toordinal())


def _code(year: int, cadence: Cadence, number: int) -> str:
    return str(year) if cadence == "A" else f"{year}-{cadence}{number}"


_NUMBERS = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "1": 1, "2": 2, "3": 3, "4": 4}
_NUMBERS |= {"mot": 1, "hai": 2, "ba": 3, "bon": 4, "tu": 4, "nhat": 1, "nhi": 2, "dau": 1, "cuoi": 2}
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})(?![0-9])(?!\s?[-/]\s?[0-9])"
_QUARTER = r"(?P<number>iii|ii|iv|i|[1-4]|mot|hai|ba|bon|tu|nhat|nhi)"
_OF = r"[\s,.:/()-]*(?:cua\s+)?(?:nam\s*)?"
# Texts are folded and without accents here. A date or a span of years is no period and is taken out first; then the
# longer phrase before the shorter that it contains.
_NO_PERIOD = re.compile(
    r"(?:ngay\s*)?\S*\s*\bthang\s*[0-9]{1,2}\s*[,/-]?\s*(?:nam\s*)?[0-9]{4}"
    r"|\bngay\s*[0-9]{1,2}[/.-][0-9]{1,2}[/.-]?\s*(?:nam\s*)?[0-9]{4}"
    r"|\b(?:19|20)[0-9]{2}\s?[-/]\s?(?:19|20)[0-9]{2}\b"
)
_PHRASES: tuple[tuple[re.Pattern[str], Cadence], ...] = (
    (re.compile(r"\bquy\s*(?:thu\s+)?" + _QUARTER + r"\b" + _OF + _YEAR), "Q"),
    (re.compile(r"\bq(?P<number>[1-4])\b" + _OF + _YEAR), "Q"),
    (re.compile(r"\b(?P<year>(?:19|20)[0-9]{2})[-/]?q(?P<number>[1-4])\b"), "Q"),
    (re.compile(r"\b(?:0?6|sau) thang (?P<number>dau|cuoi)\b" + _OF + _YEAR), "S"),
    (re.compile(r"\b(?P<year>(?:19|20)[0-9]{2})[-/]?s(?P<number>[12])\b"), "S"),
    (re.compile(r"\b(?:nam(?: bao cao)?|ky bao cao)\s*:?\s*" + _YEAR), "A"),
)
# What is left of a part of a year whose year is not said ("quý IV và cả năm 2022"), or of no cadence ("9 tháng").
_UNDATED = re.compile(r"\bquy\s*(?:[ivx]+|[0-9]+)\b|\bthang (?:dau|cuoi)\b|\b(?!12\b)[0-9]{1,2} thang\b")
