"""The warehouse's database: engine, schemas, control tables, roles. Idempotent; safe to run on every start."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import sqlalchemy as sa

from ingestion.settings import STEP_SESSION

if TYPE_CHECKING:  # only preparing needs them; light commands need no more than an engine
    from alembic.config import Config

    from ingestion.contract import Contract

SCHEMAS = {
    "ops": "What came, what became of it, what was published",
    "raw": "One table per data set, typed by its contract, append-only, by submission",
    "accepted": "Rows that count, as views: those of raw in the submissions in force, without the held ones",
    "reference": "Code lists, laws, plans and areas, as dated lists",
    "staging": "Accepted rows of the submissions in force; private",
    "intermediate": "Steps between staging and the marts; private",
    "change": "What each build changed in private tables, for those made of them and for publishing; can be lost",
    "mart_build": "The marts of the night being built; private, published whole into mart",
    "mart": "What BI reads; all of it changes in one transaction, after every test passed",
    "vault_build": "The vault of the night being built; private, published whole into vault",
    "vault": "Personal data; the only place beside raw",
    "mart_history": "Rows that the last publications removed from mart and added to it; private, to go back by",
    "vault_history": "Rows that the last publications removed from the vault and added to it; private, to go back by",
    "release": "Frozen, versioned snapshots of a period",
}
READERS = {"bi_reader": ("mart",), "statistician": ("mart", "release"), "case_worker": ("mart", "vault")}
MIGRATIONS_DIR = Path(str(files("ingestion") / "migrations"))
_PREPARE_LOCK = 0x0C417A1  # advisory lock: two processes may prepare one new warehouse at the same time


def sqlalchemy_url(url: str) -> sa.URL:
    """A libpq URL as SQLAlchemy's, with psycopg 3 named (a bare `postgresql://` leaves the driver to chance)."""
    return sa.make_url(url).set(drivername="postgresql+psycopg")


def create_engine(url: str) -> sa.Engine:
    """An engine on the warehouse at this libpq URL. Its errors quote no values: they may be people's names."""
    return sa.create_engine(sqlalchemy_url(url), pool_pre_ping=True, hide_parameters=True)


@contextmanager
def step_session(url: str, step: str, subject: str) -> Iterator[None]:
    """Show that a step runs, by a session of this name for as long as the block; a kill ends it with the process."""
    with psycopg.connect(url, autocommit=True, application_name=f"{STEP_SESSION}{step} {subject}".strip()):
        yield


def alembic_config(connection: sa.Connection) -> "Config":
    """Alembic's configuration, bound to this connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_DIR))
    config.attributes["connection"] = connection
    return config


def prepare(url: str) -> None:
    """Make schemas, control tables, raw tables and reading roles, or bring them up to date, in one transaction."""
    from alembic import command

    from ingestion import change_log
    from ingestion.contract import load_contracts

    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PREPARE_LOCK)))
            for schema, comment in SCHEMAS.items():
                connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
                quoted = engine.dialect.identifier_preparer.quote_identifier(schema)
                literal = sa.literal(comment).compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})
                connection.execute(sa.text(f"comment on schema {quoted} is {literal}"))
            command.upgrade(alembic_config(connection), "head")
            change_log.make(connection)
            _create_raw_tables(connection, load_contracts())
            _create_accepted_views(connection, load_contracts())
            _create_roles(connection)
    finally:
        engine.dispose()


def _create_raw_tables(connection: sa.Connection, contracts: Mapping[str, "Contract"]) -> None:
    """Each data set's raw table; a column that a newer contract adds is added, any other difference is refused."""
    inspector = sa.inspect(connection)
    for contract in contracts.values():
        if not inspector.has_table(contract.dataset, schema="raw"):
            # A % in a description is no placeholder.
            connection.exec_driver_sql(contract.raw_ddl(), execution_options={"no_parameters": True})
            continue
        existing = {
            row.attname: row.type
            for row in connection.execute(
                sa.text(
                    "select attname, format_type(atttypid, null) as type from pg_attribute"
                    " where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped"
                ),
                {"name": f'raw."{contract.dataset}"'},
            )
        }
        quote = connection.dialect.identifier_preparer.quote_identifier
        for name, sql_type in contract.raw_columns():
            if name not in existing:
                connection.exec_driver_sql(
                    f"alter table raw.{quote(contract.dataset)} add column {quote(name)} {sql_type}"
                )
            elif existing[name] != sql_type:
                raise RuntimeError(
                    f"raw.{contract.dataset}.{name} is {existing[name]} but {sql_type} in its contract; migrate it"
                )


def _create_accepted_views(connection: sa.Connection, contracts: Mapping[str, "Contract"]) -> None:
    """For each data set the view `accepted.<data set>`: the one definition of which rows count."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    for dataset in map(quote, contracts):
        # `r.*` last: a column that a contract adds later goes to the end, which `create or replace` allows.
        connection.exec_driver_sql(
            f"create or replace view accepted.{dataset} as"  # noqa: S608 - quoted
            " select s.sender_code, s.period_code, s.period_end, s.standard_code, r.*"
            f" from raw.{dataset} as r"
            " inner join ops.submission as s on r.submission_id = s.submission_id"
            " and s.status_code in ('accepted', 'accepted_with_findings')"
            " where not exists (select from ops.finding as f where f.severity = 'critical'"
            " and f.submission_id = r.submission_id and f.sheet_name = r.sheet_name"
            " and f.row_number = r.row_number)"
        )


def _create_roles(connection: sa.Connection) -> None:
    """Reading roles without login, where this user may make roles; grants hold for tables made later, too."""
    may_create = connection.scalar(
        sa.text("select rolcreaterole or rolsuper from pg_roles where rolname = current_user")
    )
    existing = set(connection.scalars(sa.text("select rolname from pg_roles")))
    for role, schemas in READERS.items():
        if role not in existing:
            if not may_create:
                continue
            connection.exec_driver_sql(f"create role {role} nologin")
        for schema in schemas:
            connection.exec_driver_sql(f"grant usage on schema {schema} to {role}")
            connection.exec_driver_sql(f"grant select on all tables in schema {schema} to {role}")
            connection.exec_driver_sql(f"alter default privileges in schema {schema} grant select on tables to {role}")
