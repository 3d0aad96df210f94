"""Publish: what dbt built becomes public, in one transaction, or nothing does: `mart_build` is copied to `mart`, and
`vault_build` to `vault`.

Only rows that differ are touched, so readers keep reading, and views, grants and comments on `mart` survive. A table
that is new comes into being with its keys; a column that is new is added. A view of the build becomes a view of the
public tables. Nothing public is ever dropped here.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import insert

from ingestion.ops import IN_FORCE_STATUSES, Publication
from ingestion.settings import code_version
from ingestion.warehouse import create_engine

_PUBLISH_LOCK = 0x0C417A2  # advisory lock: one publication at a time
BUILD = "mart_build"
PUBLIC_SCHEMAS = {BUILD: "mart", "vault_build": "vault"}

# Facts that keep every accepted row of their data set that is not set aside, and the columns whose sums must agree.
CONSERVED = {
    "fct_household_review": ("household_review", ("member_count",)),
    "fct_household_member": ("household_member", ()),
    "fct_commune_profile": ("commune_profile", ("household_count", "population")),
    "fct_support": ("support_delivery", ("amount_vnd",)),
    "fct_credit_loan": ("credit_loan", ("disbursed_vnd", "repaid_vnd", "outstanding_vnd", "overdue_vnd")),
    "fct_programme_finance": ("programme_finance", ("planned_vnd", "allocated_vnd", "disbursed_vnd")),
    "fct_capacity_activity": ("capacity_activity", ("cost_vnd", "participant_count")),
    "fct_task_progress": ("task_progress", ("completion_rate",)),
}


class PublicationRefusedError(Exception):
    """The books don't balance: the message names every difference. `mart` is as it was."""


@dataclass(frozen=True, slots=True)
class TableChange:
    """How one published table changed, in rows; a changed row is one removed and one added."""

    rows_before: int
    rows_after: int
    rows_removed: int
    rows_added: int


@dataclass(frozen=True, slots=True)
class _Relation:
    """A table or view as it was built and as it is public."""

    built_schema: str
    public_schema: str
    name: str

    @property
    def built(self) -> sql.Identifier:
        return sql.Identifier(self.built_schema, self.name)

    @property
    def public(self) -> sql.Identifier:
        return sql.Identifier(self.public_schema, self.name)

    @property
    def label(self) -> str:
        """The name in reports of what changed; that of a table of `mart` stands alone."""
        return self.name if self.built_schema == BUILD else f"{self.public_schema}.{self.name}"


def publish(url: str, night_id: str) -> dict[str, TableChange]:
    """Bring `mart` to what `mart_build` holds; gives the change of each table.

    Raises PublicationRefusedError when a row or a dong is unaccounted for between `raw` and the facts.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PUBLISH_LOCK)))
            if differences := conservation_differences(connection):
                raise PublicationRefusedError("; ".join(differences))
            if not _tables(connection, BUILD):
                raise PublicationRefusedError(f"schema {BUILD} holds no table: nothing was built")
            tables = [
                _Relation(built, public, name)
                for built, public in PUBLIC_SCHEMAS.items()
                for name in _tables(connection, built)
            ]
            created = [table for table in tables if _align_structure(connection, table)]
            changes = {table.label: _replace_rows(connection, table, is_new=table in created) for table in tables}
            connection.execute(sa.text("set constraints all immediate"))  # an index is not made over checks to come
            for table in tables:
                _add_indexes(connection, table)
                if changes[table.label].rows_added:
                    _execute(connection, sql.SQL("analyze {}").format(table.public))
            for table in created:
                _add_foreign_keys(connection, table)
            for view in _views(connection):
                _publish_view(connection, view)
            connection.execute(
                insert(Publication)
                .values(
                    night_id=night_id,
                    code_version=code_version(),
                    rows_changed=sum(change.rows_removed + change.rows_added for change in changes.values()),
                    changes={table: asdict(change) for table, change in changes.items()},
                )
                .on_conflict_do_nothing(index_elements=["night_id"])  # killed after commit and run again
            )
    finally:
        engine.dispose()
    return changes


def conservation_differences(connection: sa.Connection) -> list[str]:
    """Every place where rows or amounts went missing or multiplied between the file and the facts; empty if none."""
    differences = [
        f"submission {row.submission_id} ({row.sender_code} {row.dataset} {row.period_code}): {row.rows_in_file} rows"
        f" in the file, {row.rows_in_raw} in raw, {row.rows_held} held of {row.held_row_count} recorded"
        for row in connection.execute(
            sa.text(_submission_differences(connection)), {"in_force": list(IN_FORCE_STATUSES)}
        )
    ]
    built = set(_tables(connection, BUILD))
    differences += _staging_differences(connection)
    for fact, (dataset, amounts) in CONSERVED.items():
        if fact not in built:
            differences.append(f"{fact} was not built")
            continue
        measures = sql.SQL(", ").join(
            [sql.SQL("count(*)"), *(sql.SQL("coalesce(sum(counted.{}), 0)").format(sql.Identifier(a)) for a in amounts)]
        )
        published = _execute(
            connection, sql.SQL("select {} from {} as counted").format(measures, sql.Identifier(BUILD, fact))
        ).one()
        accepted = _execute(
            connection,
            sql.SQL(
                "select {} from {} as counted where not exists (select from intermediate.int_report__set_aside as aside"
                " where aside.dataset = {} and aside.submission_id = counted.submission_id"
                " and aside.sheet_name = counted.sheet_name and aside.row_number = counted.row_number)"
            ).format(measures, sql.Identifier("staging", f"stg_{dataset}"), sql.Literal(dataset)),
        ).one()
        differences += [
            f"{fact}: {measure} is {public}, accepted were {counted}"
            for measure, public, counted in zip(("rows", *amounts), published, accepted, strict=True)
            if public != counted
        ]
    return differences


def _staging_differences(connection: sa.Connection) -> list[str]:
    """Data sets in force, of those that no fact keeps yet, whose accepted rows are not those of staging."""
    kept_by_facts = {dataset for dataset, _ in CONSERVED.values()}
    differences = []
    for dataset, accepted in connection.execute(
        sa.text(
            "select dataset, sum(row_count - held_row_count) from ops.submission"
            " where status_code = any(:in_force) group by dataset order by dataset"
        ),
        {"in_force": list(IN_FORCE_STATUSES)},
    ).all():
        if dataset in kept_by_facts:
            continue
        table = sql.Identifier("staging", f"stg_{dataset}")
        staged = _execute(connection, sql.SQL("select count(*) from {}").format(table)).scalar_one()
        if staged != accepted:
            differences.append(f"stg_{dataset}: rows is {staged}, accepted were {accepted}")
    return differences


def _submission_differences(connection: sa.Connection) -> str:
    """One statement over all raw tables: submissions in force whose rows in raw or held rows are not those recorded."""
    datasets = connection.scalars(
        sa.text("select distinct dataset from ops.submission where status_code = any(:in_force)"),
        {"in_force": list(IN_FORCE_STATUSES)},
    ).all()
    counts: sql.Composable = sql.SQL(" union all ").join(
        sql.SQL("select submission_id, count(*) as rows_in_raw from {} group by submission_id").format(
            sql.Identifier("raw", dataset)
        )
        for dataset in datasets
    )
    if not datasets:
        counts = sql.SQL("select null::bigint as submission_id, 0 as rows_in_raw where false")
    return _compile(
        connection,
        sql.SQL(
            "with loaded as ({}),"
            " held as (select submission_id, count(*) as rows_held from ops.held_row group by submission_id)"
            " select s.submission_id, s.sender_code, s.dataset, s.period_code, s.row_count as rows_in_file,"
            " coalesce(l.rows_in_raw, 0) as rows_in_raw, coalesce(h.rows_held, 0) as rows_held, s.held_row_count"
            " from ops.submission s left join loaded l using (submission_id) left join held h using (submission_id)"
            " where s.status_code = any(:in_force) and (s.row_count <> coalesce(l.rows_in_raw, 0)"
            " or s.held_row_count <> coalesce(h.rows_held, 0))"
        ).format(counts),
    )


def _tables(connection: sa.Connection, schema: str) -> list[str]:
    return sorted(sa.inspect(connection).get_table_names(schema=schema))


def _columns(connection: sa.Connection, schema: str, table: str) -> dict[str, str]:
    rows = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, atttypmod) as type from pg_attribute"
            " where attrelid = format('%I.%I', cast(:schema as text), cast(:table as text))::regclass"
            " and attnum > 0 and not attisdropped order by attnum"
        ),
        {"schema": schema, "table": table},
    )
    return {row.attname: row.type for row in rows}


def _align_structure(connection: sa.Connection, table: _Relation) -> bool:
    """Make the public table able to hold the build's rows; True if it had to be created, yet without its indexes."""
    created = not sa.inspect(connection).has_table(table.name, schema=table.public_schema)
    if created:
        _execute(
            connection,
            sql.SQL("create table {} (like {} including all excluding indexes)").format(table.public, table.built),
        )
    else:
        for column, column_type in _new_columns(connection, table).items():
            _execute(
                connection,
                sql.SQL("alter table {} add column {} " + column_type).format(table.public, sql.Identifier(column)),
            )
        _drop_other_primary_key(connection, table)
    _copy_comments(connection, table, "table")
    return created


def _drop_other_primary_key(connection: sa.Connection, table: _Relation) -> None:
    """Where the build has another primary key, as after a column was added to it, the public one makes room for it."""
    inspector = sa.inspect(connection)
    built = inspector.get_pk_constraint(table.name, schema=table.built_schema)["constrained_columns"]
    public = inspector.get_pk_constraint(table.name, schema=table.public_schema)
    if public["name"] is not None and public["constrained_columns"] != built:
        statement = sql.SQL("alter table {} drop constraint {}")
        _execute(connection, statement.format(table.public, sql.Identifier(public["name"])))


def _new_columns(connection: sa.Connection, relation: _Relation) -> dict[str, str]:
    """Columns of the build that the public relation lacks. Raises PublicationRefusedError where one changed or went."""
    wanted = _columns(connection, relation.built_schema, relation.name)
    present = _columns(connection, relation.public_schema, relation.name)
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


def _views(connection: sa.Connection) -> list[_Relation]:
    """Views of the build in the order in which they were made: one that rests on another comes after it."""
    found = connection.execute(
        sa.text(
            "select n.nspname, c.relname from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace"
            " where c.relkind = 'v' and n.nspname = any(:schemas) order by c.oid"
        ),
        {"schemas": list(PUBLIC_SCHEMAS)},
    )
    return [_Relation(row.nspname, PUBLIC_SCHEMAS[row.nspname], row.relname) for row in found]


def _publish_view(connection: sa.Connection, view: _Relation) -> None:
    """Bring the public view to the build's text; one that says the same is not touched, since readers may hold it."""
    built, public = _view_text(connection, view.built_schema, view.name), None
    if sa.inspect(connection).has_table(view.name, schema=view.public_schema):
        _new_columns(connection, view)
        public = _view_text(connection, view.public_schema, view.name)
    if built != public:
        _execute(connection, sql.SQL("set local search_path = {}").format(sql.Identifier(view.public_schema)))
        _execute(connection, sql.SQL("create or replace view {} as ").format(view.public) + sql.SQL(built))
        _execute(connection, sql.SQL("set local search_path to default"))
    _copy_comments(connection, view, "view")


def _view_text(connection: sa.Connection, schema: str, name: str) -> str:
    """The query of a view, in which relations of its own schema stand without the schema."""
    _execute(connection, sql.SQL("set local search_path = {}").format(sql.Identifier(schema)))
    relation = sql.Literal(_compile(connection, sql.Identifier(schema, name)))
    text = _execute(connection, sql.SQL("select pg_get_viewdef({}::regclass)").format(relation)).scalar_one()
    _execute(connection, sql.SQL("set local search_path to default"))
    return str(text)


def _copy_comments(connection: sa.Connection, relation: _Relation, kind: Literal["table", "view"]) -> None:
    statement = sa.text(
        "select c.attnum, c.attname, d.description as built, m.description as public from pg_description d"
        " left join pg_attribute c on c.attrelid = d.objoid and c.attnum = d.objsubid and d.objsubid > 0"
        " left join pg_attribute p on p.attrelid = cast(:public as regclass) and p.attname = c.attname"
        " left join pg_description m on m.classoid = d.classoid and m.objoid = cast(:public as regclass)"
        " and m.objsubid = coalesce(p.attnum, 0)"
        " where d.objoid = cast(:built as regclass) and d.classoid = 'pg_class'::regclass"
        " and d.description is distinct from m.description"
    )
    names = {"built": _compile(connection, relation.built), "public": _compile(connection, relation.public)}
    for row in connection.execute(statement, names).all():
        target = (
            sql.SQL(f"{kind} {{}}").format(relation.public)
            if row.attname is None
            else sql.SQL("column {}").format(sql.Identifier(relation.public_schema, relation.name, row.attname))
        )
        _execute(connection, sql.SQL("comment on {} is {}").format(target, sql.Literal(row.built)))


def _replace_rows(connection: sa.Connection, table: _Relation, *, is_new: bool) -> TableChange:
    names = _columns(connection, table.built_schema, table.name)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    key = sa.inspect(connection).get_pk_constraint(table.name, schema=table.built_schema)["constrained_columns"]
    if not key:
        raise PublicationRefusedError(f"{table.built_schema}.{table.name} has no primary key")
    insert_rows = sql.SQL("insert into {} ({}) select {} from {} as b").format(
        table.public, columns, sql.SQL(", ").join(sql.Identifier("b", name) for name in names), table.built
    )
    if is_new:
        added = _execute(connection, insert_rows).rowcount
        return TableChange(0, added, 0, added)
    before = _execute(connection, sql.SQL("select count(*) from {}").format(table.public)).scalar_one()
    differing = sql.Identifier(f"differing_{table.name}")
    _execute(
        connection,
        sql.SQL(
            "create temporary table {} on commit drop as"
            " select {}, m.ctid as public_row, b.ctid is not null as is_built"
            " from {} as m full join {} as b on {} where row({}) is distinct from row({})"
        ).format(
            differing,
            sql.SQL(", ").join(sql.SQL("coalesce(m.{0}, b.{0}) as {0}").format(sql.Identifier(name)) for name in key),
            table.public,
            table.built,
            _same_key("m", "b", key),
            sql.SQL(", ").join(sql.Identifier("m", name) for name in names),
            sql.SQL(", ").join(sql.Identifier("b", name) for name in names),
        ),
    )
    removed = _execute(
        connection,
        sql.SQL("delete from {} as m using {} as d where m.ctid = d.public_row").format(table.public, differing),
    ).rowcount
    added = _execute(
        connection,
        insert_rows + sql.SQL(" inner join {} as d on d.is_built and {}").format(differing, _same_key("b", "d", key)),
    ).rowcount
    return TableChange(before, before - removed + added, removed, added)


def _same_key(left: str, right: str, key: list[str]) -> sql.Composable:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, name), sql.Identifier(right, name)) for name in key
    )


def _add_indexes(connection: sa.Connection, table: _Relation) -> None:
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
        connection.execute(statement, {"name": _compile(connection, name)}).all()
        for name in (table.built, table.public)
    )
    for index in built:
        if index not in public:
            columns = sql.SQL(", ").join(map(sql.Identifier, index.columns))
            if index.is_primary:
                made = sql.SQL("alter table {} add primary key ({})")
            else:
                made = sql.SQL("create unique index on {} ({})" if index.is_unique else "create index on {} ({})")
            _execute(connection, made.format(table.public, columns))


def _add_foreign_keys(connection: sa.Connection, table: _Relation) -> None:
    """Foreign keys of the build, between the public tables; checked at commit, since tables change one by one."""
    for key in sa.inspect(connection).get_foreign_keys(table.name, schema=table.built_schema):
        _execute(
            connection,
            sql.SQL("alter table {} add foreign key ({}) references {} ({}) deferrable initially deferred").format(
                table.public,
                sql.SQL(", ").join(map(sql.Identifier, key["constrained_columns"])),
                sql.Identifier(PUBLIC_SCHEMAS[str(key["referred_schema"])], key["referred_table"]),
                sql.SQL(", ").join(map(sql.Identifier, key["referred_columns"])),
            ),
        )


def _compile(connection: sa.Connection, statement: sql.Composable) -> str:
    return statement.as_string(connection.connection.driver_connection)


def _execute(connection: sa.Connection, statement: sql.Composable) -> sa.CursorResult[Any]:
    # The statement is complete: a % in a comment is no placeholder.
    return connection.exec_driver_sql(_compile(connection, statement), execution_options={"no_parameters": True})
