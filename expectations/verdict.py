"""From findings to verdicts: which report is accepted, what of it is held, which revision counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

from ingestion.contract import load_contracts
from ingestion.ops import IN_FORCE_STATUSES
from ingestion.rule import Rule, compared_with, load_rules

_OF_THE_SAME_REPORT = (
    "exists (select from ops.submission as j where j.submission_id = any(%s) and j.dataset = s.dataset"
    " and j.sender_code = s.sender_code and j.period_code = s.period_code and j.standard_code = s.standard_code)"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one report. `held_row_count` rows have a critical finding; `finding_count` includes reading."""

    submission_id: int
    status_code: str
    row_count: int
    held_row_count: int
    finding_count: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How reports and the other revisions of them stand. `accepted` tells the accepted rows of each by a hash, None
    where the submission is not in force; `found` tells by a hash what the judge had found on each report."""

    accepted: Mapping[int, str | None]
    found: Mapping[int, str]


def standing(ledger: psycopg.Connection[Any], submission_ids: Sequence[int]) -> Standing:
    """How these reports stand now. What of a report is accepted follows from which of its rows are held."""
    accepted = ledger.execute(
        "select s.submission_id, case when s.status_code = any(%s) then"  # noqa: S608 - a constant
        " (select md5(coalesce(string_agg(h.sheet_name || '!' || h.row_number, '|' order by h.sheet_name,"
        " h.row_number), '')) from ops.held_row as h where h.submission_id = s.submission_id) end"
        f" from ops.submission as s where s.verdict_code is not null and {_OF_THE_SAME_REPORT}",
        [list(IN_FORCE_STATUSES), list(submission_ids)],
    )
    found = ledger.execute(
        "select submission_id, md5(string_agg(told, '' order by told)) from (select submission_id, md5((rule, severity,"
        " sheet_name, row_number, column_name, cell, value, message_vi, message_en)::text) as told from ops.finding"
        " where found_by = 'judge' and submission_id = any(%s)) as f group by submission_id",
        [list(submission_ids)],
    )
    return Standing(dict(accepted.fetchall()), dict(found.fetchall()))


def decide(ledger: psycopg.Connection[Any], dataset: str, row_counts: Mapping[int, int], before: Standing) -> None:
    """Accept or reject each report by its findings, close its books, let the latest accepted revision count, and have
    those judged again that were compared with what changed.

    `row_counts` are the rows of each report by submission id; `before` is how they stood before they were judged now.
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
    decided, books = {}, []
    for submission_id, row_count in row_counts.items():
        held_rows = held.get(submission_id, 0)
        rejected = held_rows > _threshold(limit) * row_count
        if rejected:
            _refuse(ledger, limit, submission_id, held_rows, row_count)
        verdict = "rejected" if rejected else "accepted_with_findings" if submission_id in found else "accepted"
        decided[submission_id] = (verdict, held_rows)
        books.append((submission_id, row_count, row_count, row_count if rejected else held_rows))
    told = standing(ledger, ids).found
    changed = {submission_id for submission_id in ids if before.found.get(submission_id) != told.get(submission_id)}
    with ledger.cursor() as cursor:
        cursor.executemany(
            # judged_at tells since when the findings stand: an answer written since then is still right
            "update ops.submission set judge_again = false, held_row_count = %(held)s, verdict_code = %(verdict)s,"
            " judged_at = case when %(changed)s or verdict_code is distinct from %(verdict)s then clock_timestamp()"
            " else judged_at end where submission_id = %(id)s",
            [
                {"id": submission_id, "verdict": verdict, "held": held_rows, "changed": submission_id in changed}
                for submission_id, (verdict, held_rows) in decided.items()
            ],
        )
        cursor.executemany(
            "insert into ops.conservation (submission_id, rows_in_file, rows_loaded, rows_held) values (%s, %s, %s, %s)"
            " on conflict (submission_id) do update set rows_in_file = excluded.rows_in_file,"
            " rows_loaded = excluded.rows_loaded, rows_held = excluded.rows_held",
            books,
        )
    _let_the_latest_count(ledger, ids)
    after = standing(ledger, ids).accepted
    _have_judged_again(ledger, dataset, [each for each, rows in after.items() if before.accepted.get(each) != rows])


def _let_the_latest_count(ledger: psycopg.Connection[Any], submission_ids: Sequence[int]) -> None:
    """Of all revisions of each of these reports, the highest that is accepted counts.

    One that was superseded is not judged again; when it counts once more, since the later one turned out wrong, it is.
    """
    ledger.execute(
        "with revisions as ("  # noqa: S608 - a constant
        " select s.submission_id, s.verdict_code, s.revision, max(s.revision) filter"
        " (where s.verdict_code = any(%s)) over (partition by s.sender_code, s.dataset, s.period_code, s.standard_code)"
        f" as counting from ops.submission as s where s.verdict_code is not null and {_OF_THE_SAME_REPORT}"
        "), standing as ("
        " select submission_id, case when verdict_code <> 'rejected' and revision < counting then 'superseded'"
        " else verdict_code end as status_code from revisions)"
        " update ops.submission as s set status_code = standing.status_code,"
        " judge_again = (s.judge_again or s.status_code = 'superseded') and standing.status_code <> 'superseded'"
        " from standing where s.submission_id = standing.submission_id and s.status_code <> standing.status_code",
        [list(IN_FORCE_STATUSES), list(submission_ids)],
    )


def _have_judged_again(ledger: psycopg.Connection[Any], dataset: str, changed: Sequence[int]) -> None:
    """Mark the reports of the same year and later whose rules compare them with these, whose accepted rows changed."""
    depending = [other for other in load_contracts() if dataset in compared_with(other)]
    ledger.execute(
        "update ops.submission as s set judge_again = true"
        " where s.dataset = any(%s) and s.verdict_code is not null and s.status_code <> 'superseded'"
        " and exists (select from ops.submission as c where c.submission_id = any(%s)"
        " and c.submission_id <> s.submission_id and date_trunc('year', c.period_end) <= s.period_end)",
        [depending, list(changed)],
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
