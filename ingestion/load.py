"""Load: the rows of one report into `raw`, by COPY, within the caller's transaction."""

import hashlib
import io
import json

import polars as pl
import sqlalchemy as sa
from psycopg import sql

from ingestion.ops import Finding
from ingestion.read import Report

_ROWS_PER_WRITE = 10_000  # bounds the memory of the text form, whatever the size of the report


def load_report(connection: sa.Connection, submission_id: int, report: Report) -> None:
    """Write a report's findings and, unless it was rejected, its rows, unread cells and column positions."""
    if report.findings:
        connection.execute(
            sa.insert(Finding),
            [
                {
                    "submission_id": submission_id,
                    "found_by": "read",
                    "rule": finding.rule,
                    "severity": finding.severity,
                    "sheet_name": finding.sheet_name,
                    "row_number": finding.row_number,
                    "column_name": finding.column_name,
                    "cell": finding.cell,
                    "value": finding.value,
                    "message_vi": finding.message_vi,
                    "message_en": finding.message_en,
                }
                for finding in report.findings
            ],
        )
    if report.is_rejected or report.dataset is None:
        return
    owner = pl.lit(submission_id, dtype=pl.Int64).alias("submission_id")
    copy_frame(connection, "raw", report.dataset, report.rows.select(owner, pl.all()))
    copy_frame(
        connection, "raw", "unread_cell", report.unread.select(owner, pl.lit(report.dataset).alias("dataset"), pl.all())
    )
    copy_frame(connection, "raw", "column_position", report.positions.select(owner, pl.all()))


def content_sha256(report: Report) -> str:
    """SHA-256 (hex) of what was read of a report, whatever the bytes and the names of its file and sheets.

    Two reports alike in it would be loaded alike, cell for cell at the same addresses, with the same findings.
    """
    number_of = {name: str(number) for number, name in enumerate(report.sheet_names)}
    digest = hashlib.sha256()
    facts = [report.dataset, report.standard_code, report.layout, report.contract_version]
    digest.update(json.dumps(facts).encode())
    for finding in report.findings:
        place = [number_of.get(finding.sheet_name or ""), finding.row_number, finding.cell, finding.value]
        digest.update(json.dumps([finding.rule, finding.message_vi, *place]).encode())
    for frame in (report.rows, report.unread, report.positions):
        plain = frame.with_columns(
            pl.col("sheet_name").replace(number_of),
            pl.col(pl.Decimal).cast(pl.String).str.replace(r"(\.\d*?)0+$", "$1").str.strip_suffix("."),
        )
        digest.update(json.dumps(plain.columns).encode())
        for part in plain.iter_slices(_ROWS_PER_WRITE):
            digest.update(_copied_text(part))
    return digest.hexdigest()


def copy_frame(connection: sa.Connection, schema: str, table: str, frame: pl.DataFrame) -> None:
    """COPY a frame into the table's columns of the same names. Lists become arrays, null stays apart from ''."""
    if frame.is_empty():
        return
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(schema, table), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    driver = connection.connection.driver_connection
    if driver is None:
        raise sa.exc.InvalidRequestError("the connection is closed")
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for part in frame.iter_slices(_ROWS_PER_WRITE):
            copy.write(_copied_text(part))


def _copied_text(frame: pl.DataFrame) -> memoryview:
    """A frame as COPY reads it: null is nothing, an empty text `""`."""
    written = [_array_literal(name) for name, kind in frame.schema.items() if kind == pl.List]
    written.append(pl.col(pl.Boolean).cast(pl.UInt8))  # 1 and 0 are read as well as true and false, and much shorter
    buffer = io.BytesIO()
    frame.with_columns(written).write_csv(buffer, include_header=False)
    return buffer.getbuffer()


def _array_literal(name: str) -> pl.Expr:
    """A list of texts as PostgreSQL writes an array: `{"a","b"}`; null stays null, an empty list is `{}`."""
    escaped = pl.element().str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    joined = pl.col(name).list.eval(pl.lit('"') + escaped + pl.lit('"')).list.join(",")
    return pl.when(pl.col(name).is_not_null()).then(pl.lit("{") + joined + pl.lit("}")).alias(name)
