"""A filled home goes on: restored from its backup, brought up to date from the first version, under another secret."""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg import sql

from ingestion import pipeline
from ingestion.backup import KEPT_SCHEMAS, backup, restore
from ingestion.local.postgres import Server
from ingestion.settings import Settings, get_settings
from ingestion.warehouse import alembic_config, create_engine

PUBLIC = ("mart", "vault")
Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def restored(
    server: Server, sample_night: str, sample_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """libpq URL of the sample night's warehouse, restored into a home of its own; the tests below go on from it."""
    name = f"restored_{uuid.uuid4().hex[:12]}"
    home = tmp_path_factory.mktemp("restored")
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection, pytest.MonkeyPatch.context() as patch:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        url = server.url(name)
        folder, _ = backup(Settings(home=sample_home), sample_night, tmp_path_factory.mktemp("kept"))
        restore(Settings(home=home), url, folder)
        patch.setenv("CHUNGTAY_HOME", str(home))
        patch.setenv("CHUNGTAY_WAREHOUSE_URL", url)
        get_settings.cache_clear()
        yield url
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    get_settings.cache_clear()


def ask(url: str, statement: str, *values: object) -> list[Row]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode(), values).fetchall()


def columns(url: str, *schemas: str) -> dict[str, dict[str, str]]:
    """Columns of every table and view, with their types."""
    found: dict[str, dict[str, str]] = {}
    for table, column, type_ in ask(
        url,
        "select table_schema || '.' || table_name, column_name, data_type from information_schema.columns"
        " where table_schema = any(%s)",
        list(schemas),
    ):
        found.setdefault(table, {})[column] = type_
    return found


def hashes(url: str, *schemas: str, without: frozenset[str] = frozenset()) -> dict[str, Row]:
    """Count and hash of the rows of every table, whatever the order of its columns; `without` some columns."""
    tables = {
        f"{schema}.{name}"
        for schema, name in ask(
            url, "select schemaname, tablename from pg_tables where schemaname = any(%s)", list(schemas)
        )
    }
    found = {}
    for table, names in columns(url, *schemas).items():
        if table in tables:
            row = ", ".join(f'"{name}"' for name in sorted(names.keys() - without))
            found[table] = ask(url, f"select count(*), sum(hashtextextended(row({row})::text, 0)) from {table}")[0]
    return found


def build_and_publish(night_id: str) -> dict[str, dict[str, int]]:
    """A night without reports; the changes of each table."""
    pipeline.load_reference_lists(night_id)
    assert pipeline.judge_pending(night_id) == {}, "nothing is judged anew"
    for layer in pipeline.LAYERS:
        pipeline.build_layer(layer, night_id)
    return pipeline.publish(night_id)


def test_a_restored_warehouse_is_the_original_table_by_table(sample_night: str, restored: str) -> None:
    assert hashes(restored, *KEPT_SCHEMAS) == hashes(sample_night, *KEPT_SCHEMAS)
    assert columns(restored, *KEPT_SCHEMAS) == columns(sample_night, *KEPT_SCHEMAS)


def test_the_first_version_is_brought_up_to_date_with_everything_kept(sample_night: str, restored: str) -> None:
    unfilled = next(
        column
        for column in columns(restored, "raw")["raw.household_review"]
        if ask(restored, f"select count({column}) from raw.household_review") == [(0,)]
    )
    engine = create_engine(restored)
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
        # as an older contract and older marts had it
        connection.exec_driver_sql(f"alter table raw.household_review drop column {unfilled} cascade")
        connection.exec_driver_sql("alter table mart.fct_household_review drop column head_sex_code cascade")
        connection.exec_driver_sql("drop table mart.fct_review_coverage cascade")
        connection.exec_driver_sql("update ops.publication set changes = changes - 'fct_review_coverage'")
    engine.dispose()
    with pytest.raises(psycopg.errors.UndefinedColumn):
        ask(restored, "select verdict_code from ops.submission")

    changes = build_and_publish("upgraded")

    changed = {table for table, change in changes.items() if change["rows_added"] or change["rows_removed"]}
    assert changed == {"fct_household_review", "fct_review_coverage"}
    schemas = ("ops", "raw", "accepted", "reference", *PUBLIC)
    assert columns(restored, *schemas) == columns(sample_night, *schemas)
    assert hashes(restored, "raw", "reference", *PUBLIC) == hashes(sample_night, "raw", "reference", *PUBLIC)
    verdicts = (
        "select submission_id, status_code, verdict_code, revision, held_row_count, judge_again, judged_at"
        " from ops.submission order by 1"
    )
    assert ask(restored, verdicts) == ask(sample_night, verdicts)
    grants = "select relname, has_table_privilege('bi_reader', oid, 'select') from pg_class where relnamespace = 'mart'::regnamespace and relkind in ('r', 'v') order by 1"  # noqa: E501
    assert ask(restored, grants) == ask(sample_night, grants)


def test_another_secret_changes_every_key_of_a_person_and_nothing_else(sample_night: str, restored: str) -> None:
    keys = frozenset(
        column
        for names in columns(restored, *PUBLIC).values()
        for column in names
        if column.endswith(("person_key", "borrower_key"))
    )
    people = "select person_key from vault.vault_person"
    home = get_settings().home
    old_secret = (home / "surrogate_secret").read_text()
    before = hashes(restored, *PUBLIC)

    process = subprocess.Popen([Path(sys.executable).with_name("chungtay"), "rotate-surrogates", "--yes"])
    old_fingerprint = ask(sample_night, "select fingerprint from ops.surrogate_secret")
    while ask(restored, "select fingerprint from ops.surrogate_secret") == old_fingerprint:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert (home / "surrogate_secret").read_text() != old_secret
    assert hashes(restored, *PUBLIC) == before  # killed: as it was, whole

    build_and_publish("the next night")

    assert hashes(restored, *PUBLIC, without=keys) == hashes(sample_night, *PUBLIC, without=keys)
    old, new = (set(ask(url, people)) for url in (sample_night, restored))
    assert len(new) == len(old) > 0
    assert not old & new
    for table, names in columns(restored, *PUBLIC).items():
        for column in keys & names.keys():
            left = {row for row in ask(restored, f"select distinct {column} from {table}") if row != (None,)} & old
            assert not left, f"{table}.{column} holds old keys"
