"""From findings to verdicts: which report is accepted, what of it is held, which revision counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

from ingestion.ops import IN_FORCE_STATUSES
from ingestion.rule import Rule, load_rules


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one report. `held_row_count` rows have a critical finding; `finding_count` includes reading."""

    submission_id: int
    status_code: str
    row_count: int
    held_row_count: int
    finding_count: int


def decide(ledger: psycopg.Connection[Any], dataset: str, row_counts: Mapping[int, int]) -> None:
    """Accept or reject each report by its findings, close its books, and let the latest accepted revision count.

    `row_counts` are the rows of each report by submission id.
    """
    limit = load_rules()["too_many_held"]
    ids = list(row_counts)
    held = dict(
        ledger.execute(
            "select submission_id, count(*) from ops.held_row where submission_id = any(%s) group by submission_id",
            [ids],
        ).fetchall()
    )
    found = {
        submission_id
        for (submission_id,) in ledger.execute(
            "select distinct submission_id from ops.finding where submission_id = any(%s)", [ids]
        )
    }
    decided, books = [], []
    for submission_id, row_count in row_counts.items():
        held_rows = held.get(submission_id, 0)
        rejected = held_rows > _threshold(limit) * row_count
        if rejected:
            _refuse(ledger, limit, submission_id, held_rows, row_count)
        status_code = "rejected" if rejected else "accepted_with_findings" if submission_id in found else "accepted"
        decided.append((status_code, held_rows, submission_id))
        books.append((submission_id, row_count, row_count, row_count if rejected else held_rows))
    with ledger.cursor() as cursor:
        cursor.executemany(
            "update ops.submission set status_code = %s, held_row_count = %s, judged_at = now()"
            " where submission_id = %s",
            decided,
        )
        cursor.executemany(
            "insert into ops.conservation (submission_id, rows_in_file, rows_loaded, rows_held) values (%s, %s, %s, %s)"
            " on conflict (submission_id) do update set rows_in_file = excluded.rows_in_file,"
            " rows_loaded = excluded.rows_loaded, rows_held = excluded.rows_held",
            books,
        )
    # A report judged late may already have a later revision in force: the highest accepted revision counts.
    ledger.execute(
        "update ops.submission as earlier set status_code = 'superseded'"
        " from ops.submission as later"
        " where earlier.dataset = %(dataset)s and later.dataset = %(dataset)s"
        " and earlier.status_code = any(%(in_force)s) and later.status_code = any(%(in_force)s)"
        " and earlier.sender_code = later.sender_code and earlier.period_code = later.period_code"
        " and earlier.standard_code = later.standard_code and earlier.revision < later.revision",
        {"dataset": dataset, "in_force": list(IN_FORCE_STATUSES)},
    )


def verdicts(ledger: psycopg.Connection[Any], submission_ids: Sequence[int]) -> list[Verdict]:
    """The verdicts that stand on these reports, by submission id."""
    with ledger.cursor(row_factory=class_row(Verdict)) as cursor:
        return cursor.execute(
            "select submission_id, status_code, row_count, held_row_count,"
            " (select count(*) from ops.finding as f where f.submission_id = s.submission_id) as finding_count"
            " from ops.submission as s where submission_id = any(%s) order by submission_id",
            [list(submission_ids)],
        ).fetchall()


def _threshold(limit: Rule) -> Decimal:
    """The share of rows above which a report is refused."""
    if limit.threshold is None:
        raise ValueError(f"rule {limit.id} has no threshold")
    return limit.threshold


def _refuse(ledger: psycopg.Connection[Any], limit: Rule, submission_id: int, held_rows: int, row_count: int) -> None:
    """Say that the report is refused because too many of its rows are held."""
    percent = f"{_threshold(limit) * 100:.0f}"
    message_vi, message_en = limit.message(held=held_rows, total=row_count, limit=percent)
    ledger.execute(
        "insert into ops.finding (submission_id, found_by, rule, severity, message_vi, message_en)"
        " values (%s, 'judge', %s, %s, %s, %s)",
        [submission_id, limit.id, limit.severity, message_vi, message_en],
    )
