"""Failing rows become findings (`ops.finding`): where, what was sent, and why, in the sender's words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from ingestion.contract import Column, Contract
from ingestion.rule import load_rules

_ROWS_PER_FETCH = 5_000  # bounds the memory, however many rows fail
_HIDDEN = ("(không hiển thị)", "(not shown)")  # messages are read in shared places: no name, no identity number
_COLUMNS = (
    *("submission_id", "found_by", "rule", "severity", "sheet_name", "row_number", "column_name", "cell", "value"),
    *("message_vi", "message_en"),
)
_Letters = Mapping[tuple[int, str, str], str]
"""Letter of a column in a sheet, by submission, sheet and column name."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed expectation: its rule, and the query of its rows.

    With `column` the rows carry the value under that column's name, else they name `column_name` and `value`; a row
    without `column_name` is about the whole report.
    """

    rule: str
    severity: str
    column: str | None
    query: str


def write_findings(
    ledger: psycopg.Connection[Any],
    session: psycopg.Connection[Any],
    contract: Contract,
    submission_ids: Sequence[int],
    failures: Iterable[Failure],
) -> None:
    """Replace the judge's findings on these reports; rows stream from `session` into the transaction of `ledger`.

    LookupError if a failure has no row, or a row lacks what its message needs.
    """
    ledger.execute("delete from ops.finding where found_by = 'judge' and submission_id = any(%s)", [submission_ids])
    letters = {
        (submission_id, sheet_name, column_name): letter
        for submission_id, sheet_name, column_name, letter in session.execute(
            "select submission_id, sheet_name, column_name, column_letter from raw.column_position"
            " where submission_id = any(%s)",
            [submission_ids],
        )
    }
    statement = sql.SQL("copy ops.finding ({}) from stdin").format(sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)))
    for failure in failures:
        with session.transaction(), session.cursor(name="failing_rows", row_factory=dict_row) as rows:
            # Every row is fetched: a plan that gives the first few soonest may take minutes for all of them.
            session.execute("set local cursor_tuple_fraction = 1")
            rows.itersize = _ROWS_PER_FETCH
            rows.execute(failure.query.encode())
            findings, count = _findings(contract, failure, rows, letters), 0
            # By turns, for `session` and `ledger` may be one connection.
            while part := list(islice(findings, _ROWS_PER_FETCH)):
                with ledger.cursor() as cursor, cursor.copy(statement) as copy:
                    for finding in part:
                        copy.write_row(finding)
                count += len(part)
            if not count:
                raise LookupError(f"{failure.rule} failed, but none of its rows was found")


def _findings(
    contract: Contract, failure: Failure, rows: Iterable[dict[str, Any]], letters: _Letters
) -> Iterator[tuple[object, ...]]:
    """The finding of each failing row, in the order of `_COLUMNS`."""
    columns = {column.name: column for column in contract.columns}
    rules = load_rules()
    for row in rows:
        rule = rules[row.get("rule") or failure.rule]
        name = failure.column or row["column_name"]
        column = columns[name] if name is not None else None  # None: about the whole report
        value = row[name] if failure.column else row["value"]
        row["value"] = value
        fields = {key: _field(key, row, column, columns) for key in rule.placeholders}
        letter = letters.get((row["submission_id"], row["sheet_name"], name))
        yield (
            row["submission_id"],
            "judge",
            rule.id,
            failure.severity,
            row["sheet_name"],
            row["row_number"],
            name,
            row.get("cell") or (letter and f"{letter}{row['row_number']}"),
            _as_sent(value, column),
            *rule.message(**fields),
        )


def _field(key: str, row: Mapping[str, Any], column: Column | None, columns: Mapping[str, Column]) -> object:
    """What stands for a placeholder in the message about this row. LookupError if the row does not tell."""
    if f"{key}_column" in row:
        return columns[row[f"{key}_column"]].heading
    if f"{key}_vi" in row:
        return row[f"{key}_vi"], row[f"{key}_en"]
    if column is not None and key in ("value", "column"):
        return column.heading if key == "column" else _HIDDEN if column.personal else _shown(row["value"], column)
    if key not in row and key == "expected" and column is not None:
        return column.expected
    coded = columns[row[f"{key}_code_of"]] if f"{key}_code_of" in row else columns.get(key) or column
    return _shown(row[key], coded)


def _shown(value: object, column: Column | None) -> object:
    """A value as a message shows it: codes by their names, lists as senders write them; the rule knows the rest."""
    if isinstance(value, list):
        return "; ".join(str(_shown(item, column)) for item in value)
    return column.codes.labels.get(value, value) if column and column.codes and isinstance(value, str) else value


def _as_sent(value: object, column: Column | None) -> str | None:
    """A typed value as text, as a sender would write it: a date by day first, money in full; None stays None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "x" if value else ""
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    return f"{value:f}" if isinstance(value, Decimal) else str(_shown(value, column))
