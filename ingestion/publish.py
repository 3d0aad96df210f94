"""Publish: what dbt built becomes public, in one transaction, or nothing does: `mart_build` is copied to `mart`, and
`vault_build` to `vault`.

Only rows that differ are touched, so readers keep reading, and views, grants and comments on `mart` survive. A table
that is new comes into being with its keys; a column that is new is added. A view of the build becomes a view of the
public tables. Nothing public is ever dropped here.
"""

from dataclasses import asdict
from typing import Any, Literal

import sqlalchemy as sa
from psycopg import sql

from ingestion import change_log, history, notify
from ingestion.conservation import CONSERVED, conservation_differences
from ingestion.history import TableChange
from ingestion.ops import Publication
from ingestion.relation import (
    BUILD,
    BUILD_LOCK,
    PUBLIC_SCHEMAS,
    PUBLISH_LOCK,
    PublicationRefusedError,
    Relation,
    columns_list,
    columns_of,
    compiled,
    execute,
    primary_key,
    same,
    tables_of,
)
from ingestion.settings import code_version, get_settings
from ingestion.warehouse import create_engine


def publish(url: str, night_id: str) -> dict[str, TableChange]:
    """Bring `mart` to what `mart_build` holds; gives the change of each table.

    Raises PublicationRefusedError when a row or a dong is unaccounted for between the files and the facts.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(BUILD_LOCK)))
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(PUBLISH_LOCK)))
            connection.execute(sa.text("set local timezone = 'UTC'"))  # the text of a row enters its checksum
            to_publish = change_log.unpublished(connection, CONSERVED)
            if differences := conservation_differences(connection, to_publish.submissions):
                raise PublicationRefusedError("; ".join(differences))
            if not tables_of(connection, BUILD):
                raise PublicationRefusedError(f"schema {BUILD} holds no table: nothing was built")
            latest = history.latest(connection)
            publication_id = _announce(connection, night_id)
            tables = [Relation(built, name) for built in PUBLIC_SCHEMAS for name in tables_of(connection, built)]
            whole = [table for table in tables if table.name not in to_publish.since]
            created = [table for table in whole if _align_structure(connection, table)]
            for table in tables:
                if table in whole:
                    _replace_rows(connection, table, publication_id, is_new=table in created)
                elif table.name in to_publish.changed:
                    _replace_rows(connection, table, publication_id, since=to_publish.since[table.name])
            _check_foreign_keys(connection)  # an index is not made over checks to come
            views = _views(connection)
            for table in whole:
                _add_indexes(connection, table)
            for table in created:
                _add_foreign_keys(connection, table)
            for view in views if whole else []:
                _publish_view(connection, view)
            structure = history.structure(connection, [*tables, *views])
            changes = {
                table.label: history.change(connection, table, publication_id, structure, latest)
                if latest is None or table in whole or table.name in to_publish.changed
                else history.no_change(table, latest)
                for table in tables
            }
            for table in whole:  # of the others the server keeps the statistics
                if changes[table.label].rows_added:
                    execute(connection, sql.SQL("analyze {}").format(table.public))
            change_log.note_published(connection, [table.name for table in tables])
            _record(connection, publication_id, changes, structure, latest)
            history.prune(connection, get_settings().publications_kept)
    finally:
        engine.dispose()
    return changes


def _check_foreign_keys(connection: sa.Connection) -> None:
    """Raise PublicationRefusedError, naming the key, if a public row refers to one that is not there."""
    try:
        connection.execute(sa.text("set constraints all immediate"))
    except sa.exc.IntegrityError as error:
        told = getattr(error.orig, "diag", None)
        if told is None or told.constraint_name is None:
            raise
        raise PublicationRefusedError(
            f"{told.schema_name}.{told.table_name}: foreign key {told.constraint_name} does not hold"
        ) from error


def _announce(connection: sa.Connection, night_id: str) -> int:
    """The number of the publication to come."""
    statement = sa.insert(Publication).values(
        night_id=night_id, code_version=code_version(), rows_changed=0, changes={}
    )
    return connection.execute(statement.returning(Publication.publication_id)).scalar_one()


def _record(
    connection: sa.Connection,
    publication_id: int,
    changes: dict[str, TableChange],
    structure: dict[str, str],
    latest: history.Latest | None,
) -> None:
    """Write down what changed, with the message of it; nothing if the same night has published just this, killed after
    commit and run again."""
    this = Publication.publication_id == publication_id
    rows_changed = sum(change.rows_removed + change.rows_added for change in changes.values())
    night_id = connection.execute(sa.select(Publication.night_id).where(this)).scalar_one()
    if latest and latest.is_of_night(night_id) and not rows_changed and structure == latest.structure:
        connection.execute(sa.delete(Publication).where(this))
        return
    connection.execute(
        sa.update(Publication)
        .where(this)
        .values(
            rows_changed=rows_changed,
            changes={table: asdict(change) for table, change in changes.items()},
            structure=structure,
        )
    )
    message = notify.published(night_id, changes)
    notify.write(connection, message, get_settings(), [f"published {publication_id}"])


def _align_structure(connection: sa.Connection, table: Relation) -> bool:
    """Make the public table able to hold the build's rows; True if it had to be created, yet without its indexes."""
    created = not sa.inspect(connection).has_table(table.name, schema=table.public_schema)
    if created:
        execute(
            connection,
            sql.SQL("create table {} (like {} including all excluding indexes)").format(table.public, table.built),
        )
    else:
        for column, column_type in _new_columns(connection, table).items():
            execute(
                connection,
                sql.SQL("alter table {} add column {} " + column_type).format(table.public, sql.Identifier(column)),
            )
        _drop_other_primary_key(connection, table)
    _copy_comments(connection, table, "table")
    return created


def _drop_other_primary_key(connection: sa.Connection, table: Relation) -> None:
    """Where the build has another primary key, as after a column was added to it, the public one makes room for it."""
    inspector = sa.inspect(connection)
    built = inspector.get_pk_constraint(table.name, schema=table.built_schema)["constrained_columns"]
    public = inspector.get_pk_constraint(table.name, schema=table.public_schema)
    if public["name"] is not None and public["constrained_columns"] != built:
        statement = sql.SQL("alter table {} drop constraint {}")
        execute(connection, statement.format(table.public, sql.Identifier(public["name"])))


def _new_columns(connection: sa.Connection, relation: Relation) -> dict[str, str]:
    """Columns of the build that the public relation lacks. Raises PublicationRefusedError where one changed or went."""
    wanted = columns_of(connection, relation.built)
    present = columns_of(connection, relation.public)
    name = f"{relation.public_schema}.{relation.name}"
    for column in wanted.keys() & present.keys():
        if present[column] != wanted[column]:
            raise PublicationRefusedError(
                f"{name}.{column} is {present[column]} and was built as {wanted[column]}: a public column does"
                " not change its type unannounced; alter it in a migration"
            )
    if removed := present.keys() - wanted.keys():
        raise PublicationRefusedError(
            f"{name} has columns that are built no more ({', '.join(sorted(removed))}): removing one is a"
            " breaking change; drop it in a migration"
        )
    return {column: column_type for column, column_type in wanted.items() if column not in present}


def _views(connection: sa.Connection) -> list[Relation]:
    """Views of the build in the order in which they were made: one that rests on another comes after it."""
    found = connection.execute(
        sa.text(
            "select n.nspname, c.relname from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace"
            " where c.relkind = 'v' and n.nspname = any(:schemas) order by c.oid"
        ),
        {"schemas": list(PUBLIC_SCHEMAS)},
    )
    return [Relation(row.nspname, row.relname) for row in found]


def _publish_view(connection: sa.Connection, view: Relation) -> None:
    """Bring the public view to the build's text; one that says the same is not touched, since readers may hold it."""
    built, says_the_same = _view_text(connection, view.built_schema, view.name), False
    if sa.inspect(connection).has_table(view.name, schema=view.public_schema):
        _new_columns(connection, view)
        public = _view_text(connection, view.public_schema, view.name)
        says_the_same = public in (built, _read_back(connection, view.public_schema, built))
    if not says_the_same:
        statement = sql.SQL("create or replace view {} as ").format(view.public) + sql.SQL(built)
        _execute_in(connection, view.public_schema, statement)
    _copy_comments(connection, view, "view")


def _view_text(connection: sa.Connection, schema: str, name: str, *, in_schema: str | None = None) -> str:
    """The query of a view, in which relations of a schema, its own if no other, stand without the schema."""
    relation = sql.Literal(compiled(connection, sql.Identifier(in_schema or schema, name)))
    statement = sql.SQL("select pg_get_viewdef({}::regclass)").format(relation)
    return str(_execute_in(connection, schema, statement).scalar_one())


def _execute_in(connection: sa.Connection, schema: str, statement: sql.Composable) -> sa.CursorResult[Any]:
    """Run a statement in which the relations of this schema stand without it."""
    execute(connection, sql.SQL("set local search_path = {}").format(sql.Identifier(schema)))
    result = execute(connection, statement)
    execute(connection, sql.SQL("set local search_path to default"))
    return result


def _read_back(connection: sa.Connection, schema: str, query: str) -> str:
    """The query as the server writes it once it is a view of this schema: not always as it was written."""
    _execute_in(connection, schema, sql.SQL("create temporary view read_back as ") + sql.SQL(query))
    text = _view_text(connection, schema, "read_back", in_schema="pg_temp")
    execute(connection, sql.SQL("drop view pg_temp.read_back"))
    return text


def _copy_comments(connection: sa.Connection, relation: Relation, kind: Literal["table", "view"]) -> None:
    statement = sa.text(
        "select c.attnum, c.attname, d.description as built, m.description as public from pg_description d"
        " left join pg_attribute c on c.attrelid = d.objoid and c.attnum = d.objsubid and d.objsubid > 0"
        " left join pg_attribute p on p.attrelid = cast(:public as regclass) and p.attname = c.attname"
        " left join pg_description m on m.classoid = d.classoid and m.objoid = cast(:public as regclass)"
        " and m.objsubid = coalesce(p.attnum, 0)"
        " where d.objoid = cast(:built as regclass) and d.classoid = 'pg_class'::regclass"
        " and d.description is distinct from m.description"
    )
    names = {"built": compiled(connection, relation.built), "public": compiled(connection, relation.public)}
    for row in connection.execute(statement, names).all():
        target = (
            sql.SQL(f"{kind} {{}}").format(relation.public)
            if row.attname is None
            else sql.SQL("column {}").format(sql.Identifier(relation.public_schema, relation.name, row.attname))
        )
        execute(connection, sql.SQL("comment on {} is {}").format(target, sql.Literal(row.built)))


def _replace_rows(
    connection: sa.Connection, table: Relation, publication_id: int, *, is_new: bool = False, since: int | None = None
) -> None:
    """Bring the public rows to those of the build, of those that changed since a build where one is given; the
    history keeps what that removes and adds, of a table that is not new."""
    names = columns_of(connection, table.built)
    key = primary_key(connection, table.built_schema, table.name)
    if not key:
        raise PublicationRefusedError(f"{table.built_schema}.{table.name} has no primary key")
    insert_rows = sql.SQL("insert into {} as m ({}) select {} from {} as b").format(
        table.public, columns_list(names), columns_list(names, "b"), table.built
    )
    if is_new:
        execute(connection, insert_rows)
        return
    differing = sql.Identifier(f"differing_{table.name}")
    compared: sql.Composable
    key_now: sql.Composable
    if since is None:
        compared = sql.SQL("{} as m full join {} as b on {}").format(table.public, table.built, same("m", "b", key))
        key_now = sql.SQL(", ").join(
            sql.SQL("coalesce(m.{0}, b.{0}) as {0}").format(sql.Identifier(name)) for name in key
        )
    else:
        compared = sql.SQL(
            "(select distinct {} from {} where build_number > {}) as k left join {} as m on {} left join {} as b on {}"
        ).format(
            columns_list(key),
            sql.Identifier("change", table.name),
            sql.Literal(since),
            table.public,
            same("k", "m", key),
            table.built,
            same("k", "b", key),
        )
        key_now = columns_list(key, "k")
    found = execute(
        connection,
        sql.SQL(
            "create temporary table {} on commit drop as"
            " select {}, m.ctid as public_row, b.ctid is not null as is_built"
            " from {} where row({}) is distinct from row({})"
        ).format(differing, key_now, compared, columns_list(names, "m"), columns_list(names, "b")),
    ).rowcount
    if not found:
        return
    remove = sql.SQL("delete from {} as m using {} as d where m.ctid = d.public_row").format(table.public, differing)
    add = insert_rows + sql.SQL(" inner join {} as d on d.is_built and {}").format(differing, same("b", "d", key))
    history.keep(connection, table, publication_id, remove, is_added=False)
    history.keep(connection, table, publication_id, add, is_added=True)


def _add_indexes(connection: sa.Connection, table: Relation) -> None:
    """The primary key and indexes of the build that the public table lacks; with its rows there that is quicker."""
    statement = sa.text(
        "select i.indisprimary as is_primary, i.indisunique as is_unique,"
        " array_agg(a.attname order by k.place) as columns"
        " from pg_index as i cross join unnest(i.indkey) with ordinality as k (attnum, place)"
        " inner join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum"
        " where i.indrelid = cast(:name as regclass) group by i.indexrelid, i.indisprimary, i.indisunique"
        " order by i.indisprimary desc, columns"
    )
    built, public = (
        connection.execute(statement, {"name": compiled(connection, name)}).all()
        for name in (table.built, table.public)
    )
    for index in built:
        if index not in public:
            columns = sql.SQL(", ").join(map(sql.Identifier, index.columns))
            if index.is_primary:
                made = sql.SQL("alter table {} add primary key ({})")
            else:
                made = sql.SQL("create unique index on {} ({})" if index.is_unique else "create index on {} ({})")
            execute(connection, made.format(table.public, columns))


def _add_foreign_keys(connection: sa.Connection, table: Relation) -> None:
    """The foreign keys of a public table; checked at commit, since tables change one by one."""
    for columns, referred_name, referred_columns in change_log.foreign_keys(connection, table.name):
        built_schema, _, name = referred_name.rpartition(".")
        execute(
            connection,
            sql.SQL("alter table {} add foreign key ({}) references {} ({}) deferrable initially deferred").format(
                table.public,
                columns_list(columns),
                Relation(built_schema.rpartition(".")[2], name).public,
                columns_list(referred_columns),
            ),
        )
