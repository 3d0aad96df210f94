"""A drill for each alarm: what it is for is made to happen, it rings once, is told, and is said to be over."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from pydantic import SecretStr
from receivers import Webhook, serving
from typer.testing import CliRunner

from ingestion import notify
from ingestion.cli import cli
from ingestion.local.airflow import HEALTHY
from ingestion.local.postgres import free_port, locked
from ingestion.settings import PROJECT_DIR, Settings, get_settings
from ingestion.warehouse import create_engine, prepare
from ingestion.watch import lock_of, look

Database = psycopg.Connection[tuple[Any, ...]]
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


@pytest.fixture(scope="module")
def prepared(warehouse_url: str) -> str:
    prepare(warehouse_url)
    return warehouse_url


@pytest.fixture
def db(prepared: str) -> Iterator[Database]:
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute("truncate ops.notification cascade")
        connection.execute("truncate ops.step_outcome, ops.publication")
        connection.execute(
            "insert into ops.publication (night_id, published_at, code_version, rows_changed, changes)"
            " values ('last', now(), 'test', 0, '{}')"
        )
        yield connection


@pytest.fixture
def airflow() -> Iterator[Webhook]:
    """What answers for Airflow's API server."""
    with serving(Webhook()) as server:
        server.health = {name: {"status": "healthy"} for name in HEALTHY}
        yield server


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with serving(Webhook()) as server:
        yield server


@pytest.fixture
def settings(db: Database, airflow: Webhook, webhook: Webhook, prepared: str, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        warehouse_url=prepared,
        webhook_url=SecretStr(webhook.url),
        airflow_url=airflow.url.removesuffix("/alerts"),
    )


def rings(settings: Settings) -> list[str]:
    return [alarm.kind for alarm in look(settings).ringing]


def told(webhook: Webhook) -> list[tuple[str, str]]:
    return [(post["kind"], post["title_en"].split(":")[0]) for post in webhook.posts]


def expect_once_and_over(kind: str, settings: Settings, webhook: Webhook, mend: Any) -> None:
    """It rings at each look, is told once, and once more when mended; then nothing rings."""
    assert rings(settings) == [kind]
    assert rings(settings) == [kind]
    assert told(webhook) == [(kind, "ALARM")]
    mend()
    assert rings(settings) == []
    assert rings(settings) == []
    assert told(webhook) == [(kind, "ALARM"), (kind, "Over")]


def test_nothing_rings_when_all_is_well(settings: Settings, webhook: Webhook) -> None:
    assert look(settings).is_quiet
    assert webhook.posts == []


def test_drill_not_published(db: Database, settings: Settings, webhook: Webhook) -> None:
    """The night was due to start two hours ago, to be published one hour ago; the last one was published before."""
    local = datetime.now(HANOI)
    due = settings.model_copy(
        update={
            "night_starts": (local - timedelta(hours=2)).time(),
            "published_by": (local - timedelta(hours=1)).time(),
        }
    )
    db.execute("update ops.publication set published_at = now() - interval '3 hours'")
    assert rings(settings.model_copy(update={"night_starts": (local - timedelta(hours=4)).time(),
                                             "published_by": (local - timedelta(hours=1)).time()})) == []  # fmt: skip
    expect_once_and_over(
        "not_published",
        due,
        webhook,
        lambda: db.execute("update ops.publication set published_at = now() - interval '90 minutes'"),
    )


def test_drill_no_night_was_ever_published(db: Database, settings: Settings) -> None:
    db.execute("truncate ops.publication")
    [alarm] = look(settings).ringing
    assert alarm.kind == "not_published"
    assert "never" in alarm.text_en


def test_drill_scheduler_dead(settings: Settings, airflow: Webhook, webhook: Webhook) -> None:
    airflow.health["scheduler"] = {"status": "unhealthy"}
    expect_once_and_over(
        "scheduler_dead", settings, webhook, lambda: airflow.health.update(scheduler={"status": "healthy"})
    )
    nobody = settings.model_copy(update={"airflow_url": f"http://127.0.0.1:{free_port()}"})
    assert rings(nobody) == ["scheduler_dead"]


def test_drill_warehouse_unreachable(db: Database, settings: Settings, webhook: Webhook) -> None:
    """What only the warehouse could tell is neither begun nor over meanwhile."""
    away = settings.model_copy(update={"warehouse_url": f"postgresql://x@127.0.0.1:{free_port()}/x"})
    assert rings(away) == rings(away) == ["warehouse_unreachable"]
    assert told(webhook) == [("warehouse_unreachable", "ALARM")]
    assert rings(settings) == []
    assert told(webhook)[1:] == [("warehouse_unreachable", "Over")]
    db.execute("truncate ops.publication")
    assert rings(settings) == ["not_published"]
    assert sorted(rings(away)) == ["not_published", "warehouse_unreachable"]
    assert ("not_published", "Over") not in told(webhook)


def test_drill_alert_lost(db: Database, settings: Settings, webhook: Webhook) -> None:
    """The webhook refuses for longer than allowed; when it takes messages again, the lost one comes, too."""
    engine = create_engine(settings.warehouse_url or "")
    message = notify.published("n1", {})
    with engine.begin() as connection:
        notify.write(connection, message, settings, ["published n1"])
    engine.dispose()
    webhook.status = 503
    assert rings(settings) == []  # not for long yet
    db.execute("update ops.notification set created_at = now() - interval '61 minutes'")
    seen = look(settings)
    assert [alarm.kind for alarm in seen.ringing] == ["alert_lost"]
    assert "503" in seen.ringing[0].text_en
    assert seen.unsent == ("webhook: the webhook answered 503",)
    webhook.status = 204
    db.execute("update ops.notification_delivery set next_attempt_at = now()")
    assert rings(settings) == []
    assert told(webhook) == [("published", "Published"), ("alert_lost", "ALARM"), ("alert_lost", "Over")]
    assert len(set(webhook.ids)) == 3


def test_drill_night_hangs(db: Database, settings: Settings, webhook: Webhook) -> None:
    """A step that really runs, in a process of its own; its history says how long is too long."""
    short = settings.model_copy(update={"hang_minutes": 0.5 / 60})
    code = (
        "import sys, time; from ingestion import pipeline\n"
        "with pipeline._step('n1', 'build', 'marts'): print('runs', flush=True); time.sleep(60)"
    )
    environment = os.environ | {
        "PYTHONPATH": str(PROJECT_DIR), "CHUNGTAY_HOME": str(settings.home),
        "CHUNGTAY_WAREHOUSE_URL": settings.warehouse_url or "",
    }  # fmt: skip
    step = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert step.stdout is not None
        assert step.stdout.readline() == "runs\n"
        db.execute("select pg_sleep(0.6)")
        assert rings(settings) == []
        db.execute(
            "insert into ops.step_outcome (night_id, step, subject, status_code, seconds, finished_at)"
            " values ('n0', 'build', 'marts', 'succeeded', 600, now())"
        )
        assert rings(short) == []  # it has taken longer before
        db.execute("update ops.step_outcome set seconds = 0.01")

        def kill() -> None:
            step.send_signal(signal.SIGKILL)
            step.wait(10)
            for _ in range(100):
                row = db.execute(
                    "select count(*) from pg_stat_activity where starts_with(application_name, 'chungtay step')"
                ).fetchone()
                if row == (0,):
                    return
                db.execute("select pg_sleep(0.05)")

        expect_once_and_over("night_hangs", short, webhook, kill)
    finally:
        step.kill()
        step.wait(10)


def test_an_alarm_that_cannot_be_sent_waits_for_the_next_look(
    db: Database, settings: Settings, webhook: Webhook
) -> None:
    db.execute("truncate ops.publication")
    webhook.status = 500
    assert not look(settings).is_quiet
    assert look(settings).unsent
    webhook.status = 204
    assert look(settings).unsent == ()
    assert told(webhook) == [("not_published", "ALARM")]


def test_killed_while_sending_the_alarm_comes_again_under_its_id(
    db: Database, settings: Settings, webhook: Webhook
) -> None:
    db.execute("truncate ops.publication")
    webhook.hold.clear()
    environment = os.environ | {
        "PYTHONPATH": str(PROJECT_DIR), "CHUNGTAY_HOME": str(settings.home), "CHUNGTAY_WEBHOOK_URL": webhook.url,
        "CHUNGTAY_WAREHOUSE_URL": settings.warehouse_url or "", "CHUNGTAY_AIRFLOW_URL": settings.airflow_url or "",
    }  # fmt: skip
    watcher = subprocess.Popen([sys.executable, "-m", "ingestion.cli", "watch"], env=environment)
    assert webhook.arrived.wait(30)
    watcher.send_signal(signal.SIGKILL)
    watcher.wait(10)
    webhook.hold.set()
    with locked(lock_of(settings), wait=False):  # the dead one's lock is free
        assert rings(settings) == ["not_published"]
    assert len(webhook.ids) == 2
    assert len(set(webhook.ids)) == 1


@pytest.mark.parametrize("left", ["", "{", '{"ringing": []'])
def test_a_damaged_memory_keeps_no_alarm_from_ringing(db: Database, settings: Settings, left: str) -> None:
    db.execute("truncate ops.publication")
    (settings.home / "watch.json").write_text(left)
    assert rings(settings) == ["not_published"]


def test_the_command_rings_by_its_exit_code_and_is_alone(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("home", "warehouse_url", "airflow_url"):
        monkeypatch.setenv(f"CHUNGTAY_{name.upper()}", str(getattr(settings, name)))
    get_settings.cache_clear()
    try:
        quiet = CliRunner().invoke(cli, ["watch", "--once"])
        assert quiet.exit_code == 0, quiet.output
        db.execute("truncate ops.publication")
        rung = CliRunner().invoke(cli, ["watch", "--once"])
        assert rung.exit_code == 1
        [line] = rung.stdout.splitlines()
        assert line.startswith("not_published: Chưa có đợt nào")
        assert line.endswith("docs/runbook/not_published.md")
        assert "no channel is set" in rung.stderr
        with locked(lock_of(settings)):
            second = CliRunner().invoke(cli, ["watch", "--once"])
        assert second.exit_code == 1
        assert "another watcher" in str(second.exception)
        status = CliRunner().invoke(cli, ["status"])
        assert "no channel: none is set, nothing is sent" in status.output
    finally:
        get_settings.cache_clear()
