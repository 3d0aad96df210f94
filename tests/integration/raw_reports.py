"""Reports put into a warehouse as the reader would, for tests of what judges them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import psycopg
import yaml
from psycopg import sql

from expectations.example import FIRST_ROW, SHEET
from ingestion.contract import load_contracts
from ingestion.period import Period
from ingestion.settings import REFERENCE_DIR

Connection = psycopg.Connection[Any]


def load_reference_lists(connection: Connection) -> None:
    """Every reference list, typed as the seeds are."""
    for seed in yaml.safe_load((REFERENCE_DIR / "reference.yml").read_text(encoding="utf-8"))["seeds"]:
        table = sql.Identifier("reference", seed["name"])
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
            for name, kind in seed["config"]["column_types"].items()
        ]
        connection.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)))
        with connection.cursor().copy(sql.SQL("copy {} from stdin (format csv, header)").format(table)) as copy:
            copy.write((REFERENCE_DIR / f"{seed['name']}.csv").read_bytes())


def remove_reports(connection: Connection) -> None:
    """Leave the warehouse without any report."""
    tables = ["raw.unread_cell", "raw.column_position", "ops.finding", "ops.conservation", "ops.submission"]
    tables += [f"raw.{dataset}" for dataset in load_contracts()]
    connection.execute(f"truncate {', '.join(tables)} cascade".encode())


def submit(
    connection: Connection,
    dataset: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    sender: str,
    period: str,
    standard: str = "",
    status: str = "received",
    layout: str = "",
    revision: int = 1,
) -> int:
    """Load rows as a report to be judged; a status in force is that of one judged before. Returns its id."""
    cursor = connection.execute(
        "insert into ops.submission (sender_code, dataset, period_code, period_end, standard_code, revision, sha256,"
        " file_name, status_code, verdict_code, row_count, layout, code_version, received_at)"
        " values (%s, %s, %s, %s, %s, %s, gen_random_uuid()::text, 'f.xlsx', %s, nullif(%s, 'received'), %s, %s, '1',"
        " now()) returning submission_id",
        [sender, dataset, period, Period.parse(period).end, standard, revision, status, status, len(rows), layout],
    )
    (submission_id,) = cursor.fetchone() or (0,)
    for number, row in enumerate(rows, start=FIRST_ROW):
        values = {"submission_id": submission_id, "sheet_name": SHEET, "row_number": number}
        values |= {name: Decimal(str(value)) if isinstance(value, float) else value for name, value in row.items()}
        connection.execute(
            sql.SQL("insert into raw.{} ({}) values ({})").format(
                sql.Identifier(dataset),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(sql.Placeholder() * len(values)),
            ),
            list(values.values()),
        )
    return int(submission_id)
