"""Overdue: which expected reports are past their due day and still missing or refused, as of any day, live.

What is expected and what became of it is told by the view `intermediate.int_report__status` alone, from which
`mart.fct_report` is built, too.
"""

from datetime import date
from typing import Any

import sqlalchemy as sa

from ingestion.code_list import load_code_list
from ingestion.period import Period
from ingestion.place import sender_unit
from ingestion.warehouse import create_engine


class NothingReceivedError(LookupError):
    """No report has come yet, and the calendar begins with the first one: the message says so."""


def overdue_reports(
    url: str, *, as_of: date | None = None, sender: str | None = None, dataset: str | None = None
) -> list[dict[str, Any]]:
    """The reports owed on a day (today when None), longest overdue first: one dictionary each, keys as `fct_report`.

    What came after that day is not counted. `days_overdue` counts from the due day; `sender_name` is the unit's or the
    agency's Vietnamese name. Raises NothingReceivedError in a home that has received nothing by then.
    """
    _ensure_view(url)
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            # For this transaction alone; the macro as_of() of the views reads it.
            connection.execute(
                sa.text("select set_config('chungtay.as_of', :day, true)"), {"day": as_of.isoformat() if as_of else ""}
            )
            if not connection.scalar(sa.text("select exists (select from intermediate.int_report__calendar)")):
                raise NothingReceivedError(
                    "no report has come yet: reports are expected from the first one that anybody sends"
                )
            found = connection.execute(
                sa.text(
                    "select sender_code, dataset, period_code, standard_code, status_code, due_on, days_overdue,"
                    " received_at, revision_count, submission_id from intermediate.int_report__status"
                    " where days_overdue is not null and sender_code = coalesce(:sender, sender_code)"
                    " and dataset = coalesce(:dataset, dataset)"
                    " order by days_overdue desc, dataset, sender_code, standard_code"
                ),
                {"sender": sender, "dataset": dataset},
            )
            return [
                {**row, "sender_name": _sender_name(row["sender_code"], row["period_code"])} for row in found.mappings()
            ]
    finally:
        engine.dispose()


def _sender_name(sender_code: str, period_code: str) -> str:
    unit = sender_unit(sender_code, Period.parse(period_code).end)
    return unit.name if unit else load_code_list("agency").labels[sender_code.upper()]


def _ensure_view(url: str) -> None:
    """Make the view in a warehouse that has received reports and was not built since."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if connection.scalar(sa.text("select to_regclass('ops.submission') is null")):
                raise NothingReceivedError("nothing has been received yet: this home has no warehouse")
            exists = connection.scalar(sa.text("select to_regclass('intermediate.int_report__status') is not null"))
    finally:
        engine.dispose()
    if not exists:
        from dbt_project.build import build_report_status, seed_if_changed

        if not seed_if_changed(url):  # which makes the view, too
            build_report_status(url)
