"""Tables and views as they are built and as they are public, and the few statements that all of publishing needs."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from psycopg import sql

BUILD_LOCK = 7_102_025  # advisory lock: dbt changes tables and views one by one, so one run at a time
PUBLISH_LOCK = 0x0C417A2  # advisory lock: one publication at a time
BUILD = "mart_build"
PUBLIC_SCHEMAS = {BUILD: "mart", "vault_build": "vault"}


class PublicationRefusedError(Exception):
    """Nothing was published, or brought back: the message names every reason. `mart` is as it was."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view as it was built and as it is public."""

    built_schema: str
    name: str

    @classmethod
    def labelled(cls, label: str) -> "Relation":
        """The relation of a label."""
        schema, _, name = label.rpartition(".")
        return cls(next(built for built, public in PUBLIC_SCHEMAS.items() if public == (schema or "mart")), name)

    @property
    def public_schema(self) -> str:
        return PUBLIC_SCHEMAS[self.built_schema]

    @property
    def built(self) -> sql.Identifier:
        return sql.Identifier(self.built_schema, self.name)

    @property
    def public(self) -> sql.Identifier:
        return sql.Identifier(self.public_schema, self.name)

    @property
    def history(self) -> sql.Identifier:
        """Where the rows that publications removed and added are kept."""
        return sql.Identifier(f"{self.public_schema}_history", self.name)

    @property
    def label(self) -> str:
        """The name in reports of what changed; that of a table of `mart` stands alone."""
        return self.name if self.built_schema == BUILD else f"{self.public_schema}.{self.name}"


def tables_of(connection: sa.Connection, schema: str) -> list[str]:
    """The names of a schema's tables, sorted."""
    return sorted(sa.inspect(connection).get_table_names(schema=schema))


def primary_key(connection: sa.Connection, schema: str, name: str) -> list[str]:
    """The columns of a table's primary key, in its order."""
    return list(sa.inspect(connection).get_pk_constraint(name, schema=schema)["constrained_columns"])


def columns_of(connection: sa.Connection, relation: sql.Composable) -> dict[str, str]:
    """The columns of a relation in their order, with their types."""
    rows = connection.execute(
        sa.text(
            "select attname, format_type(atttypid, atttypmod) as type from pg_attribute"
            " where attrelid = to_regclass(:relation) and attnum > 0 and not attisdropped order by attnum"
        ),
        {"relation": compiled(connection, relation)},
    )
    return {row.attname: row.type for row in rows}


def columns_list(names: list[str] | dict[str, str], alias: str | None = None) -> sql.Composable:
    """Columns for a select list, of an alias where one is given."""
    return sql.SQL(", ").join(sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in names)


def same(left: str, right: str, names: list[str]) -> sql.Composable:
    """The condition that two aliases agree in these columns, of which none is null."""
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, name), sql.Identifier(right, name)) for name in names
    )


def compiled(connection: sa.Connection, statement: sql.Composable) -> str:
    """The text of a statement."""
    return statement.as_string(connection.connection.driver_connection)


def execute(connection: sa.Connection, statement: sql.Composable) -> sa.CursorResult[Any]:
    """Run a complete statement: a % in a comment is no placeholder."""
    return connection.exec_driver_sql(compiled(connection, statement), execution_options={"no_parameters": True})
