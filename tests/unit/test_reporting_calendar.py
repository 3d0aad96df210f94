"""The days of the reporting calendar: when a report may come, and when it is due."""

from datetime import date

import pytest

from ingestion.contract import load_contracts
from ingestion.period import Period
from ingestion.reporting_calendar import due_on, opens_on


@pytest.mark.parametrize(
    ("dataset", "period", "opens", "due"),
    [
        ("household_review", "2023", date(2023, 12, 14), date(2023, 12, 20)),
        ("review_result", "2021", date(2021, 12, 14), date(2021, 12, 20)),
        ("household_review", "2020", date(2020, 12, 31), date(2021, 1, 15)),
        ("commune_profile", "2023", date(2023, 12, 31), date(2024, 1, 15)),
        ("credit_loan", "2023-Q4", date(2023, 12, 31), date(2024, 1, 15)),
        ("task_progress", "2023-S1", date(2023, 6, 30), date(2023, 7, 15)),
    ],
)
def test_days_of_a_report(dataset: str, period: str, opens: date, due: date) -> None:
    assert opens_on(dataset, Period.parse(period)) == opens
    assert due_on(dataset, Period.parse(period)) == due


@pytest.mark.parametrize("dataset", load_contracts())
@pytest.mark.parametrize("year", [2010, 2015, 2020, 2021, 2024, 2030])
def test_a_report_may_come_before_it_is_due_and_is_due_before_the_next_period_ends(dataset: str, year: int) -> None:
    cadence = load_contracts()[dataset].cadence
    period = Period.parse({"A": f"{year}", "S": f"{year}-S1", "Q": f"{year}-Q1"}[cadence])
    assert period.start < opens_on(dataset, period) <= due_on(dataset, period)
    assert (due_on(dataset, period) - period.end).days <= 31


def test_a_data_set_without_a_row_is_an_error() -> None:
    with pytest.raises(LookupError, match="no row for weather"):
        due_on("weather", Period.parse("2023"))
