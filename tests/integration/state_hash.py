"""The state that nights leave in a warehouse and its home, as one hash per part: equal for two that hold the same.

Left out is what tells of the runs and not of what they made, since a night that was killed and run again has more runs:

- identity columns and instants (of an instant it is compared whether there is one); a submission is named by what came
  instead: sender, period, file, sheet, bytes, data set and revision;
- submissions that only say that a file which stays in the inbox was seen once more, and under which code a file that
  cannot be read was seen twice (`refused_under`);
- the logs of runs: `ops.step_outcome`, `ops.build_node`, `ops.publication`, messages and their delivery. What the last
  publication says of `mart` and `vault` must be true, though; and the facts that were told are compared, but for those
  about runs.

Private schemas of the build and of the history are no state: they are made again, or follow from the publications.
"""

import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from ingestion.relation import Relation

SCHEMAS = ("raw", "ops", "reference", "mart", "vault")
_LOGS = {"ops.step_outcome", "ops.build_node", "ops.publication", "ops.notification", "ops.notification_delivery"}
_NOT_COMPARED = {"finding_id", "notification_id", "refused_under"}
_SUBMISSION = re.compile(r"(^|_)submission_id$|^duplicate_of$")
_CASE = re.compile(r"((?:vụ việc số|case number) )(\d+)-")
_RECEIVED = re.compile(r"Nhận lúc: \d{2}:\d{2} ngày \d{2}/\d{2}/\d{4}|(?<=dcterms:W3CDTF\">)[^<]*")

# Named by what came; null for one that only says that a file was seen once more.
_NAMES: LiteralString = """
create temporary table submission_name on commit drop as
    select
        s.submission_id,
        o.submission_id is not null and s.sha256 = o.sha256 and s.file_name = o.file_name as is_repetition,
        concat_ws('|', s.sender_code, s.period_code, s.file_name, s.sheet_name, s.sha256, s.dataset, s.revision) as name
    from ops.submission as s
    left join ops.submission as o on s.duplicate_of = o.submission_id
"""
_FACTS: LiteralString = """
select case when split_part(f.fact, ' ', 1) = 'rejected' then 'rejected ' || n.name else f.fact end as fact
from ops.notified_fact as f
left join submission_name as n
    on split_part(f.fact, ' ', 1) = 'rejected' and split_part(f.fact, ' ', 2) = n.submission_id::text
where split_part(f.fact, ' ', 1) not in ('published', 'failed')
"""
_LAST_CHANGES: LiteralString = """
select changes from ops.publication where changes <> '{}' order by publication_id desc limit 1
"""

State = dict[str, str]


def state_of(url: str, home: Path) -> State:
    """A hash by part: every table of the warehouse, the archive and the answers of its home."""
    with psycopg.connect(url) as connection:
        connection.execute(_NAMES)
        rows = connection.execute("select submission_id, name from submission_name").fetchall()
        names = {str(submission_id): str(name) for submission_id, name in rows}
        tables = {table: _hash_of_table(connection, table) for table in _tables(connection) if table not in _LOGS}
        told = connection.execute(_FACTS).fetchall()
        _assert_published_as_told(connection)
    tables["ops.notified_fact"] = _hash(sorted({str(fact) for (fact,) in told}))
    tables["ops.finding"] = _hash(sorted(_findings(url, names)))
    files = {"archive": _hash(_files(home / "archive", _bytes)), "outbox": _hash(_files(home / "outbox", _said(names)))}
    return tables | files


def published(url: str) -> State:
    """The part of the state that readers see."""
    with psycopg.connect(url) as connection:
        connection.execute(_NAMES)
        tables = _tables(connection, "mart", "vault")
        return {table: _hash_of_table(connection, table) for table in tables}


def differences(one: State, other: State) -> list[str]:
    """The parts in which two states differ."""
    return sorted(part for part in one.keys() | other.keys() if one.get(part) != other.get(part))


def _hash(lines: "list[str] | Iterator[str]") -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\0")
    return digest.hexdigest()


# -- tables ----------------------------------------------------------------------------------------------------------

Connection = psycopg.Connection[tuple[object, ...]]


def _tables(connection: Connection, *schemas: str) -> list[str]:
    rows = connection.execute(
        "select schemaname || '.' || tablename from pg_tables where schemaname = any(%s) order by 1",
        [list(schemas or SCHEMAS)],
    )
    return [str(table) for (table,) in rows]


def _hash_of_table(connection: Connection, table: str) -> str:
    """Count and MD5 of a table's rows, in any order, as they are compared."""
    columns = connection.execute(
        "select attname, format_type(atttypid, null) from pg_attribute"
        " where attrelid = cast(%s as regclass) and attnum > 0 and not attisdropped order by attnum",
        [table],
    ).fetchall()
    compared = [
        _compared(str(name), str(kind))
        for name, kind in columns
        if name not in _NOT_COMPARED and (table, name) != ("ops.finding", "submission_id")
    ]
    condition = sql.SQL("")
    if table == "ops.submission":
        condition = sql.SQL(
            " where not exists (select from submission_name as n where n.is_repetition"
            " and n.submission_id = t.submission_id)"
        )
    statement = sql.SQL(
        "select count(*), md5(string_agg(line, '|' order by line)) from"
        " (select md5(row({})::text) as line from {} as t{}) as lines"
    ).format(sql.SQL(", ").join(compared), sql.Identifier(*table.split(".")), condition)
    return " ".join(map(str, connection.execute(statement).fetchone() or ()))


def _compared(name: str, kind: str) -> sql.Composable:
    column = sql.SQL("t.{}").format(sql.Identifier(name))
    if _SUBMISSION.search(name):
        return sql.SQL("(select n.name from submission_name as n where n.submission_id = {})").format(column)
    if kind.startswith("timestamp"):
        return column + sql.SQL(" is not null")
    return column


def _findings(url: str, names: dict[str, str]) -> Iterator[str]:
    """Every finding; a case that another report shares is told by a submission's number, which gets its name."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select submission_id::text, found_by, rule, severity, sheet_name, row_number, column_name, cell, value,"
            " message_vi, message_en from ops.finding"
        )
        for submission_id, *rest in rows:
            yield _cases_named(repr((names[str(submission_id)], rest)), names)


def _cases_named(text: str, names: dict[str, str]) -> str:
    return _CASE.sub(lambda case: f"{case[1]}{names[case[2]]}-", text)


def _assert_published_as_told(connection: Connection) -> None:
    """What the last publication tells of the tables is what they hold."""
    row = connection.execute(_LAST_CHANGES).fetchone()
    changes = row[0] if row else {}
    assert isinstance(changes, dict)
    for table, change in changes.items():
        statement = sql.SQL("select count(*) from {}").format(Relation.labelled(table).public)
        assert connection.execute(statement).fetchone() == (change["rows_after"],), table


# -- files -----------------------------------------------------------------------------------------------------------


def _files(folder: Path, content: Callable[[Path], str]) -> Iterator[str]:
    """Place, mode and content of every file, also of those that should not be there."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield f"{path.relative_to(folder)} {stat.filemode(os.stat(path).st_mode)} {content(path)}"  # noqa: PTH116


def _bytes(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _said(names: dict[str, str]) -> Callable[[Path], str]:
    """What an answer says, but for the instant at which the report came and numbers of submissions."""

    def said(path: Path) -> str:
        parts = []
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as package:
            for name in sorted(package.namelist()):
                text = package.read(name).decode("utf-8", "surrogateescape")
                parts.append(f"{name} {_RECEIVED.sub('', _cases_named(text, names))}")
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    return said
