"""The warehouse's structure is made once, brought up to date idempotently, and described in one place."""

import threading

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from ingestion.contract import load_contracts
from ingestion.ops import Base
from ingestion.warehouse import READERS, SCHEMAS, create_engine, prepare


def test_two_processes_prepare_one_new_warehouse_and_again_changes_nothing(warehouse_url: str) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            prepare(warehouse_url)
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    snapshot = (
        "select table_schema, table_name, column_name, data_type from information_schema.columns order by 1, 2, 3"
    )
    with psycopg.connect(warehouse_url) as db:
        before = db.execute(snapshot).fetchall()
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url) as db:
        assert db.execute(snapshot).fetchall() == before
        schemas = {name for (name,) in db.execute("select nspname from pg_namespace")}
        roles = {name for (name,) in db.execute("select rolname from pg_roles")}
        tables = {name for (name,) in db.execute("select tablename from pg_tables where schemaname = 'raw'")}
    assert set(SCHEMAS) <= schemas
    assert set(READERS) <= roles
    assert tables == {*load_contracts(), "unread_cell", "column_position"}


def test_the_migrations_make_what_the_models_describe(warehouse_url: str) -> None:
    prepare(warehouse_url)
    engine = create_engine(warehouse_url)
    described = {(table.schema, table.name) for table in Base.metadata.tables.values()}

    def ours(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
        if kind == "schema":
            return name in ("ops", "raw")
        return kind != "table" or (parents["schema_name"], name) in described

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_schemas": True, "include_name": ours, "version_table_schema": "ops"}
        )
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_readers_read_what_is_theirs_and_nothing_else(warehouse_url: str) -> None:
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url) as db:
        db.execute("create table mart.later (x int)")
        db.execute("set local role bi_reader")
        assert db.execute("select * from mart.later").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("select * from raw.household_review")


def test_a_column_that_a_newer_contract_adds_is_added_and_a_retyped_one_refused(warehouse_url: str) -> None:
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url, autocommit=True) as db:
        db.execute("alter table raw.commune_profile drop column trained_labour cascade")  # and the view of what counts
        prepare(warehouse_url)
        assert db.execute(
            "select atttypid::regtype::text from pg_attribute"
            " where attrelid = 'raw.commune_profile'::regclass and attname = 'trained_labour'"
        ).fetchone() == ("bigint",)
        db.execute("drop view accepted.commune_profile")
        db.execute("alter table raw.commune_profile alter column trained_labour type text")
        with pytest.raises(RuntimeError, match="trained_labour is text but bigint"):
            prepare(warehouse_url)
        db.execute("alter table raw.commune_profile alter column trained_labour type bigint using null")


def test_errors_quote_no_values(warehouse_url: str) -> None:
    engine = create_engine(warehouse_url)
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as caught:
        connection.execute(sa.text("select cast(:name as text), 1 / 0"), {"name": "Dương Thị Nga"})
    engine.dispose()
    assert "Dương" not in str(caught.value)
