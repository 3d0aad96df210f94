"""What publications changed: the rows that each removed and added are kept, so that an earlier one can be brought back.

Going back is a publication of its own, in one transaction: the net of all changes since is applied the other way round,
and undone is recorded like any change. Nothing but rows is touched, so it is refused where structure changed since.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

import sqlalchemy as sa
from psycopg import sql

from ingestion.change_log import note_restored
from ingestion.ops import Publication
from ingestion.relation import (
    PUBLISH_LOCK,
    PublicationRefusedError,
    Relation,
    columns_list,
    columns_of,
    compiled,
    execute,
    primary_key,
    same,
)
from ingestion.settings import code_version, get_settings
from ingestion.warehouse import create_engine

# By which a table's changes are told: the first that it has.
_PERIOD_COLUMNS = ("period_code", "review_year", "year")


@dataclass(frozen=True, slots=True)
class TableChange:
    """How one published table changed, in rows; a changed row is one removed and one added.

    `periods` has rows removed and added by period or year, of a table that has one; `checksum` is of all rows after,
    in any order.
    """

    rows_before: int
    rows_after: int
    rows_removed: int
    rows_added: int
    periods: dict[str, dict[str, int]] = field(default_factory=dict)
    checksum: str = "0"


@dataclass(frozen=True, slots=True)
class Latest:
    """The publication that is public now."""

    publication_id: int
    night_id: str
    restores: int | None
    changes: dict[str, dict[str, Any]]
    structure: dict[str, str] | None

    def is_of_night(self, night_id: str) -> bool:
        """Whether the night itself published it."""
        return self.night_id == night_id and self.restores is None


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back: the publication whose rows are public again, and what that changed."""

    publication_id: int
    night_id: str
    changes: dict[str, TableChange]

    @property
    def rows_changed(self) -> int:
        """Rows removed and added."""
        return sum(change.rows_removed + change.rows_added for change in self.changes.values())


def latest(connection: sa.Connection) -> Latest | None:
    """The publication that is public now; None before the first."""
    row = next(iter(_past(connection, limit=1)), None)
    if row is None:
        return None
    return Latest(row.publication_id, row.night_id, row.restores, row.changes, row.structure)


def structure(connection: sa.Connection, relations: Iterable[Relation]) -> dict[str, str]:
    """An MD5 of the columns and the key of each public table, or of the query of a view; '' of what is not there."""
    rows = connection.execute(
        sa.text(
            "select name, coalesce((select md5(concat_ws('|', case when c.relkind = 'v' then pg_get_viewdef(c.oid) end,"
            " (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ',' order by a.attnum)"
            " from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),"
            " (select pg_get_constraintdef(k.oid) from pg_constraint as k where k.conrelid = c.oid"
            " and k.contype = 'p'))) from pg_class as c where c.oid = to_regclass(name)), '') as md5"
            " from unnest(cast(:names as text[])) as name"
        ),
        {"names": [compiled(connection, relation.public) for relation in relations]},
    )
    return {row.name.replace('"', ""): row.md5 for row in rows}


def keep(
    connection: sa.Connection, table: Relation, publication_id: int, statement: sql.Composable, *, is_added: bool
) -> int:
    """Run a statement that removes rows of the public table `m` or adds some, keep these rows, and give their count."""
    _align(connection, table)
    names = columns_of(connection, table.public)
    return execute(
        connection,
        sql.SQL(
            "with touched as ({} returning {}) insert into {} (publication_id, is_added, {}) select {}, {}, {}"
            " from touched"
        ).format(
            statement,
            columns_list(names, "m"),
            table.history,
            columns_list(names),
            sql.Literal(publication_id),
            sql.Literal(is_added),
            columns_list(names),
        ),
    ).rowcount


def _align(connection: sa.Connection, table: Relation) -> None:
    """Make the table's history able to hold its rows; rows of another structure lead nowhere back, and go."""
    if _is_aligned(connection, table):
        return
    execute(connection, sql.SQL("drop table if exists {}").format(table.history))
    execute(
        connection,
        # without the constraints of the public table
        sql.SQL("create table {} as select cast(null as bigint) as publication_id, true as is_added, m.*").format(
            table.history
        )
        + sql.SQL(" from {} as m with no data").format(table.public),
    )
    execute(connection, sql.SQL("create index on {} (publication_id)").format(table.history))
    execute(
        connection,
        sql.SQL("comment on table {} is 'One row per row that a publication removed or added.'").format(table.history),
    )


def _is_aligned(connection: sa.Connection, table: Relation) -> bool:
    present = columns_of(connection, table.history)
    kept = {name: kind for name, kind in present.items() if name not in ("publication_id", "is_added")}
    return kept == columns_of(connection, table.public)


def change(
    connection: sa.Connection,
    table: Relation,
    publication_id: int,
    structure_now: dict[str, str],
    before: Latest | None,
) -> TableChange:
    """What a publication changed in a table: counted from the rows kept, or from all of them where it is another table
    than before."""
    earlier = before.changes.get(table.label) if before else None
    label = f"{table.public_schema}.{table.name}"
    # What the rows were before is known only if their text is still the same, and their checksum was taken.
    known = earlier if before and (before.structure or {}).get(label) == structure_now[label] else None
    period = next((name for name in _PERIOD_COLUMNS if name in columns_of(connection, table.public)), None)
    removed, added, by_period, shift = 0, 0, dict[str, dict[str, int]](), 0
    whole = None if known else _counted(connection, table, table.public, period, sql.SQL("true"))
    touched: list[tuple[bool, str | None, int, int]] = []
    if earlier is None and whole is not None:
        touched = [(True, period_code, count, checksum) for period_code, count, checksum in whole]
    elif _is_aligned(connection, table):
        touched = [
            (is_added, period_code, count, checksum)
            for is_added in (False, True)
            for period_code, count, checksum in _counted(
                connection,
                table,
                table.history,
                period,
                sql.SQL("publication_id = {} and is_added = {}").format(
                    sql.Literal(publication_id), sql.Literal(is_added)
                ),
            )
        ]
    for is_added, period_code, count, checksum in touched:
        removed, added = removed + count * (not is_added), added + count * is_added
        shift += checksum if is_added else -checksum
        if period_code is not None:
            of_period = by_period.setdefault(period_code, {"rows_removed": 0, "rows_added": 0})
            of_period["rows_added" if is_added else "rows_removed"] += count
    if known:
        rows_before, total = known["rows_after"], int(known["checksum"]) + shift
    else:
        rows_before = sum(count for _, count, _ in whole or ()) + removed - added
        total = sum(checksum for _, _, checksum in whole or ())
    return TableChange(
        rows_before, rows_before - removed + added, removed, added, dict(sorted(by_period.items())), str(total)
    )


def no_change(table: Relation, before: Latest) -> TableChange:
    """The change of a table that the last publication left as it is."""
    was = before.changes[table.label]
    return TableChange(was["rows_after"], was["rows_after"], 0, 0, checksum=str(was["checksum"]))


def _counted(
    connection: sa.Connection, table: Relation, source: sql.Composable, period: str | None, condition: sql.Composable
) -> list[tuple[str | None, int, int]]:
    """Rows by period: period, how many, sum of the hashes of their texts."""
    period_code = sql.SQL("cast({} as text)").format(sql.Identifier(period)) if period else sql.SQL("null::text")
    rows = execute(
        connection,
        sql.SQL(
            "select {} as period, count(*) as row_count,"
            " sum(hashtextextended(cast(row({}) as text), 0)::numeric) as checksum from {} where {} group by 1"
        ).format(period_code, columns_list(columns_of(connection, table.public)), source, condition),
    )
    return [(row.period, int(row.row_count), int(row.checksum)) for row in rows]


def prune(connection: sa.Connection, kept: int) -> None:
    """Let go of the rows of all publications but the last `kept`."""
    last = sa.select(Publication.publication_id).order_by(Publication.publication_id.desc()).limit(kept)
    let_go: Iterable[dict[str, Any]] = connection.execute(
        sa.update(Publication)
        .where(Publication.rows_kept, Publication.publication_id.not_in(last))
        .values(rows_kept=False)
        .returning(Publication.changes)
    ).scalars()
    for label in {label for changes in let_go for label in changes}:
        table = Relation.labelled(label)
        if columns_of(connection, table.history):
            execute(
                connection,
                sql.SQL(
                    "delete from {} where publication_id in"
                    " (select publication_id from ops.publication where not rows_kept)"
                ).format(table.history),
            )


# --- going back ---


def restore(url: str, publication_id: int | None = None) -> Restored:
    """Make the rows of an earlier publication public again: of this one, else of the one before the current.

    Raises PublicationRefusedError, and changes nothing, where that cannot be done exactly.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(PUBLISH_LOCK)))
            connection.execute(sa.text("set local timezone = 'UTC'"))
            connection.execute(sa.text("set constraints all deferred"))
            target, undone = _way_back(connection, publication_id)
            tables = [Relation.labelled(label) for label in target.changes]
            before = latest(connection)
            new_id = connection.execute(
                sa.insert(Publication)
                .values(
                    night_id=target.night_id,
                    code_version=code_version(),
                    rows_changed=0,
                    changes={},
                    restores=target.restores or target.publication_id,
                    structure=target.structure,
                )
                .returning(Publication.publication_id)
            ).scalar_one()
            changes = {}
            for table in tables:
                if any(_touches(publication.changes, table.label) for publication in undone):
                    _go_back(connection, table, [publication.publication_id for publication in undone], new_id)
                changed = change(connection, table, new_id, target.structure, before)
                expected = target.changes[table.label]
                if (str(changed.rows_after), changed.checksum) != (str(expected["rows_after"]), expected["checksum"]):
                    _refuse(f"{table.label} would have other rows than publication {target.publication_id} had")
                changes[table.label] = changed
            restored = Restored(target.restores or target.publication_id, target.night_id, changes)
            connection.execute(
                sa.update(Publication)
                .where(Publication.publication_id == new_id)
                .values(
                    rows_changed=restored.rows_changed,
                    changes={label: asdict(changed) for label, changed in changes.items()},
                )
            )
            note_restored(connection)
            prune(connection, get_settings().publications_kept)
    finally:
        engine.dispose()
    return restored


def _way_back(connection: sa.Connection, publication_id: int | None) -> tuple[Any, list[Any]]:
    """The publication to bring back, and those to undo for it, latest first."""
    past = connection.execute(sa.select(Publication.__table__).order_by(Publication.publication_id.desc())).all()
    if not past:
        _refuse("nothing was published yet")
    shown = past[0].restores or past[0].publication_id
    if publication_id is None:
        earlier = [row for row in past if row.restores is None and row.publication_id < shown]
        if not earlier:
            _refuse(f"there is no publication before {shown}")
        target = earlier[0]
    else:
        found = [row for row in past if row.publication_id == publication_id]
        if not found:
            _refuse(f"there is no publication {publication_id}")
        target = found[0]
    if (target.restores or target.publication_id) == shown:
        _refuse(f"publication {shown} is the one that is public")
    undone = [row for row in past if row.publication_id > target.publication_id]
    if target.structure is None or not all(row.rows_kept for row in undone):
        _refuse(
            f"the rows that changed since publication {target.publication_id} are no longer kept"
            " (CHUNGTAY_PUBLICATIONS_KEPT)"
        )
    for row in undone:
        changed = _differing(target.structure, row.structure or {})
        if changed:
            _refuse(f"the structure of {', '.join(changed)} changed with publication {row.publication_id}")
    names = [Relation.labelled(name.removeprefix("mart.")) for name in target.structure]
    if changed := _differing(target.structure, structure(connection, names)):
        _refuse(f"the structure of {', '.join(changed)} was changed since, by no publication")
    return target, undone


def _past(connection: sa.Connection, limit: int | None = None) -> list[Any]:
    """The publications, the latest first."""
    statement = sa.select(Publication.__table__).order_by(Publication.publication_id.desc()).limit(limit)
    return list(connection.execute(statement))


def _differing(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _touches(changes: dict[str, dict[str, Any]], label: str) -> bool:
    return bool(changes[label]["rows_removed"] or changes[label]["rows_added"])


def _go_back(connection: sa.Connection, table: Relation, undone: list[int], new_id: int) -> None:
    """Undo what these publications did to a table. Of each key, the row that is public was added by the last of them
    that touched it, and the row to bring back removed by the first."""
    names = columns_of(connection, table.public)
    key = primary_key(connection, table.public_schema, table.name)
    net = sql.Identifier(f"undone_{table.name}")
    execute(
        connection,
        sql.SQL(
            "create temporary table {net} on commit drop as"
            " with kept as (select h.*, min(publication_id) over of_key as first_id,"
            " max(publication_id) over of_key as last_id from {history} as h where publication_id = any({undone})"
            " window of_key as (partition by {key}))"
            " select not is_added as comes_back, {names} from ("
            " (select true as is_added, {names} from kept where is_added and publication_id = last_id"
            " except all select true, {names} from kept where not is_added and publication_id = first_id)"
            " union all"
            " (select false, {names} from kept where not is_added and publication_id = first_id"
            " except all select false, {names} from kept where is_added and publication_id = last_id)) as n"
        ).format(
            net=net,
            history=table.history,
            undone=sql.Literal(undone),
            key=columns_list(key),
            names=columns_list(names),
        ),
    )
    wanted = execute(connection, sql.SQL("select count(*) from {} where not comes_back").format(net)).scalar_one()
    remove = sql.SQL(
        "delete from {} as m using {} as n where not n.comes_back and {} and row({}) is not distinct from row({})"
    ).format(table.public, net, same("m", "n", key), columns_list(names, "m"), columns_list(names, "n"))
    removed = keep(connection, table, new_id, remove, is_added=False)
    if removed != wanted:
        _refuse(f"{table.label} was changed since, by no publication: {wanted - removed} rows are not as published")
    add = sql.SQL("insert into {} as m ({}) select {} from {} as n where n.comes_back").format(
        table.public, columns_list(names), columns_list(names, "n"), net
    )
    keep(connection, table, new_id, add, is_added=True)


def _refuse(reason: str) -> NoReturn:
    raise PublicationRefusedError(reason)
