"""When reports may come and when they are due: the reference list `reporting_calendar`, the one home of these days.

The warehouse reads the same list for which reports it expects, and from whom (`intermediate.int_report__calendar`).
"""

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from ingestion.period import Period
from ingestion.settings import REFERENCE_DIR


@dataclass(frozen=True, slots=True)
class Duty:
    """The rule for one data set in the periods that end from `valid_from` to `valid_to`, both inclusive.

    `opens_days` and `due_days` count from the last day of the period: to the first day on which its report may be
    received, and to the last one on which it is on time.
    """

    dataset: str
    opens_days: int
    due_days: int
    valid_from: date
    valid_to: date


def opens_on(dataset: str, period: Period) -> date:
    """The first day on which a report of this data set and period may be received."""
    return period.end + timedelta(days=_duty(dataset, period).opens_days)


def due_on(dataset: str, period: Period) -> date:
    """The last day on which a report of this data set and period is on time."""
    return period.end + timedelta(days=_duty(dataset, period).due_days)


def _duty(dataset: str, period: Period) -> Duty:
    for duty in _duties():
        if duty.dataset == dataset and duty.valid_from <= period.end <= duty.valid_to:
            return duty
    raise LookupError(f"reporting_calendar.csv has no row for {dataset} on {period.end}")


@lru_cache(maxsize=1)
def _duties() -> tuple[Duty, ...]:
    with (REFERENCE_DIR / "reporting_calendar.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Duty(
                dataset=row["dataset"],
                opens_days=int(row["opens_days"]),
                due_days=int(row["due_days"]),
                valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else date.min,
                valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else date.max,
            )
            for row in csv.DictReader(file)
        )
