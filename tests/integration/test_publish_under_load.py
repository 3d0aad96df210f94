"""Readers never wait for a publication and never see a mixture; a publication killed anywhere leaves `mart` whole."""

import multiprocessing
import os
import signal
from multiprocessing.synchronize import Event
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from ingestion import pipeline
from ingestion.history import restore
from ingestion.publish import publish
from ingestion.settings import get_settings
from ingestion.warehouse import prepare

_PUBLICATIONS = 24
_HOUSEHOLDS = 40
_FACTS = {
    "household_review": "member_count bigint",
    "household_member": "",
    "commune_profile": "household_count bigint, population bigint",
    "support_delivery": "amount_vnd numeric",
    "credit_loan": "disbursed_vnd numeric, repaid_vnd numeric, outstanding_vnd numeric, overdue_vnd numeric",
    "programme_finance": "planned_vnd numeric, allocated_vnd numeric, disbursed_vnd numeric",
    "capacity_activity": "cost_vnd numeric, participant_count bigint",
    "task_progress": "completion_rate numeric",
}
# Every household is counted in an indicator, and in a view over both tables.
_VIEW = """
create view mart_build.rpt_household as
    select coalesce(sum(i.value), 0) as counted, (select count(*) from mart_build.fct_household_review) as listed
    from mart_build.fct_indicator as i;
"""
_CHECK = """
select (select sum(value) from mart.fct_indicator), (select count(*) from mart.fct_household_review),
    (select count(*) from vault.vault_household), (select counted from mart.rpt_household),
    (select listed from mart.rpt_household)
"""


@pytest.fixture
def url(warehouse_url: str) -> str:
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url, autocommit=True) as db:
        db.execute("truncate ops.publication")
        for schema in ("mart", "mart_build", "mart_history", "vault", "vault_build", "vault_history", "staging"):
            db.execute(f"drop schema if exists {schema} cascade; create schema {schema}")
        db.execute(
            "drop schema if exists intermediate cascade; create schema intermediate;"
            "create table intermediate.int_report__set_aside"
            " (dataset text, submission_id bigint, sheet_name text, row_number int)"
        )
        for dataset, columns in _FACTS.items():
            fact = {"support_delivery": "support"}.get(dataset, dataset)
            more = f", {columns}" if columns else ""
            db.execute(f"create table mart_build.fct_{fact} (code text primary key{more})")
            db.execute(
                f"create table staging.stg_{dataset} (submission_id bigint, sheet_name text, row_number int{more})"
            )
        db.execute(
            "create table mart_build.fct_indicator (indicator_code text primary key, value bigint);"
            "create table vault_build.vault_household (code text primary key);" + _VIEW
        )
    return warehouse_url


def _build(db: psycopg.Connection[tuple[object, ...]], households: int) -> None:
    """The build of a state with so many households."""
    numbers = f"generate_series(1, {households}) as n"
    db.execute(
        "truncate mart_build.fct_household_review, mart_build.fct_indicator, vault_build.vault_household,"
        " staging.stg_household_review;"
        f"insert into mart_build.fct_household_review select n::text, n from {numbers};"
        f"insert into staging.stg_household_review select 1, 's', n, n from {numbers};"
        f"insert into vault_build.vault_household select n::text from {numbers};"
        f"insert into mart_build.fct_indicator values ('household_count', {households})"
    )


def _read(url: str, ended: Event, seen: "multiprocessing.Queue[tuple[int, int, list[str]]]") -> None:
    """Check, one statement at a time, until the publications have ended; tell how many, of both states, and what went
    wrong."""
    checks, states, wrong = 0, set[object](), list[str]()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("set lock_timeout = '100ms'")
        while not ended.is_set():
            try:
                figures = db.execute(_CHECK).fetchone() or ()
            except psycopg.errors.LockNotAvailable:
                wrong.append("was blocked")
                continue
            if len(set(figures)) != 1:
                wrong.append(str(figures))
            states.update(figures)
            checks += 1
    seen.put((checks, len(states), wrong))


def test_readers_see_one_publication_or_the_other_and_never_wait(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        _build(db, _HOUSEHOLDS)
        publish(url, "n")
        processes = multiprocessing.get_context("spawn")
        ended, seen = processes.Event(), processes.Queue()
        readers = [processes.Process(target=_read, args=(url, ended, seen)) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            for number in range(_PUBLICATIONS):
                if number % 4 == 3:
                    restore(url)
                else:
                    _build(db, _HOUSEHOLDS + number % 2 + 1)
                    publish(url, f"n{number}")
        finally:
            ended.set()
            told = [seen.get(timeout=30) for _ in readers]
            for reader in readers:
                reader.join(timeout=30)
    for checks, states, wrong in told:
        assert wrong == []
        assert checks > 0, "the readers read while it was published"
        assert states >= 2


def _publish_and_die(point: str) -> None:
    """Publish in a process that is killed when it comes to this point."""

    def die(*_args: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def before(_connection: object, _cursor: object, statement: str, *_args: object) -> None:
        if point in statement:
            die()

    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    if point == "commit":
        sa.event.listen(sa.Engine, "commit", die)
    pipeline.publish("n2")


_POINTS = (
    "set local timezone",  # before the books are checked
    "INSERT INTO ops.publication",  # after that
    'insert into "mart_history"."fct_household_review"',  # rows of the first table
    'delete from "vault"."vault_household"',  # between tables
    'analyze "mart"."fct_indicator"',  # after all tables
    "commit",  # everything done and nothing committed
    "ops.step_outcome",  # committed, and the outcome not yet written down
)


def test_a_publication_killed_anywhere_leaves_the_old_or_the_new_whole(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHUNGTAY_WAREHOUSE_URL", url)
    monkeypatch.setenv("CHUNGTAY_HOME", str(tmp_path))
    get_settings.cache_clear()
    processes = multiprocessing.get_context("fork")
    with psycopg.connect(url, autocommit=True) as db:
        for point in _POINTS:
            _build(db, 5)
            publish(url, "n1")
            _build(db, 9)
            db.execute("delete from vault_build.vault_household where code = '1'")
            db.execute("insert into vault_build.vault_household values ('a')")  # so that rows of it go, too
            process = processes.Process(target=_publish_and_die, args=(point,))
            process.start()
            process.join(timeout=60)
            assert process.exitcode == -signal.SIGKILL, f"nothing was killed at {point}"
            counts = set(db.execute(_CHECK).fetchone() or ())
            assert counts == ({9} if point == "ops.step_outcome" else {5}), point

            publish(url, "n2")
            assert set(db.execute(_CHECK).fetchone() or ()) == {9}, point
            assert db.execute("select code from vault.vault_household where code in ('1', 'a')").fetchall() == [("a",)]
            last = db.execute("select night_id from ops.publication order by publication_id desc limit 1").fetchone()
            assert last == ("n2",), point
    monkeypatch.undo()
    get_settings.cache_clear()
