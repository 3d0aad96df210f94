"""`chungtay status`: the five questions, on real warehouses: published, refused, late, held, empty, down, gone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_overdue import sent

from dbt_project.build import seed_if_changed
from ingestion import pipeline
from ingestion.overdue import overdue_reports
from ingestion.relation import PublicationRefusedError
from ingestion.settings import Settings, get_settings
from ingestion.status.glance import Owed, Status, glance
from ingestion.status.metrics import exposition
from ingestion.status.page import page
from ingestion.status.unusual import Movement
from ingestion.warehouse import prepare, step_session

CHUNGTAY = Path(sys.executable).with_name("chungtay")
JANUARY = datetime(2024, 1, 5, 9, tzinfo=UTC)


def run(home: Path, url: str | None, *arguments: str, webhook: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHUNGTAY_")}
    environment |= {"CHUNGTAY_HOME": str(home), "CHUNGTAY_WEBHOOK_URL": webhook}
    if url:
        environment["CHUNGTAY_WAREHOUSE_URL"] = url
    return subprocess.run([CHUNGTAY, *arguments], env=environment, capture_output=True, text=True, timeout=120)


# -- after a good night ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(sample_night: str, sample_home: Path) -> Status:
    return glance(Settings(home=sample_home, warehouse_url=sample_night))


def test_it_tells_what_was_published(good: Status) -> None:
    assert good.is_well
    assert good.warehouse.state == "answers"
    assert good.publication is not None
    assert (good.publication.night_id, good.publication.changes, good.publication.restores) == ("second", (), None)
    assert good.publication_count == 2
    assert good.night is not None
    assert (good.night.night_id, good.night.outcome, good.night.reasons) == ("second", "published", ())
    steps = {step.step: step for step in good.night.steps}
    assert {"receive", "answer", "build", "publish"} <= steps.keys()
    assert steps["receive"].count_in == 258
    assert steps["build"].seconds > 0


def test_who_is_late_is_what_overdue_tells(good: Status, sample_night: str) -> None:
    assert good.overdue is not None
    told = {(each.sender_code, each.dataset, each.period_code, each.standard_code, each.days) for each in good.overdue}
    asked = overdue_reports(sample_night, as_of=good.at.date())
    assert told == {
        (row["sender_code"], row["dataset"], row["period_code"], row["standard_code"], row["days_overdue"])
        for row in asked
    }
    assert len(good.overdue) == len(asked)


def test_the_samples_ring_no_false_alarm(good: Status) -> None:
    assert good.movement is not None
    assert good.movement.moved == ()
    assert good.movement.compared_count > 50
    assert good.held == ()
    assert good.running == ()


def test_the_screen_is_one_screen(sample_night: str, sample_home: Path) -> None:
    done = run(sample_home, sample_night, "status")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= 45
    starts = {line.split("  ")[0] for line in lines}
    assert {"Published", "Late", "Held", "Unusual", "Due soon", "Reports", "Messages", "Processes"} <= starts
    assert "nothing changed" in done.stdout


def test_json_is_the_whole_object(sample_night: str, sample_home: Path) -> None:
    done = run(sample_home, sample_night, "status", "--json")
    told = json.loads(done.stdout)
    assert told["is_well"] is True
    assert told["publication"]["night_id"] == "second"
    assert len(told["overdue"]) > 100
    assert {row["dataset"] for row in told["reports"]} >= {"household_review", "support_delivery"}


def test_it_imports_nothing_heavy(sample_night: str, sample_home: Path) -> None:
    """What makes it quick. No test asserts seconds."""
    code = (
        "import sys\nfrom ingestion.cli import cli\ntry:\n cli(['status'])\nexcept SystemExit as done:\n"
        " assert done.code == 0\n"
        "heavy = {'sqlalchemy', 'alembic', 'pandas', 'polars', 'airflow', 'dbt', 'great_expectations', 'requests',"
        " 'httpx', 'uvicorn', 'starlette', 'jinja2', 'openlineage', 'yaml'}\n"
        "print('imported:', sorted(heavy & sys.modules.keys()))\n"
    )
    environment = os.environ | {"CHUNGTAY_HOME": str(sample_home), "CHUNGTAY_WAREHOUSE_URL": sample_night}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.endswith("imported: []\n"), done.stdout + done.stderr


# -- after a bad one -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bad_home(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home in January 2024: a night was refused, a message waits, rows are held, a quarter's report is due."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(home))
        patch.setenv("CHUNGTAY_WAREHOUSE_URL", warehouse_url)
        patch.setenv("CHUNGTAY_WEBHOOK_URL", "http://127.0.0.1:9/")
        get_settings.cache_clear()
        prepare(warehouse_url)
        assert seed_if_changed(warehouse_url)
        with psycopg.connect(warehouse_url) as db:
            for year, rows, day in ((2020, 400, "2021-01-10"), (2021, 410, "2022-01-10"), (2022, 405, "2023-01-20")):
                sent(db, "nhcsxh", "credit_loan", f"{year}-Q4", "", "accepted", day, revision=1)
                sent(db, "nhcsxh", "credit_loan", f"{year}-Q3", "", "accepted", f"{year}-10-10", revision=1)
                db.execute("update ops.submission set row_count = %s where period_code = %s", [rows, f"{year}-Q4"])
            sent(db, "nhcsxh", "credit_loan", "2023-Q3", "", "accepted_with_findings", "2023-10-12", revision=1)
            sent(db, "huyen-220", "commune_profile", "2022", "", "accepted", "2023-01-05", revision=1)
            db.execute("update ops.submission set row_count = 900, held_row_count = 2 where period_code = '2023-Q3'")
            db.execute(
                "insert into ops.finding (submission_id, found_by, rule, severity, sheet_name, row_number, value,"
                " message_vi, message_en) select submission_id, 'judge', rule, 'critical', 's', number,"
                " 'Dương Thị Nga', 'vi', 'en' from ops.submission,"
                " (values ('CL-02', 4), ('CL-01', 5)) as f (rule, number) where period_code = '2023-Q3'"
            )
            db.execute("update ops.submission set row_count = 30 where period_code like '202%-Q3' and row_count = 1")
        with pytest.raises(PublicationRefusedError):
            pipeline.publish("night-1")
        yield home
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def bad(bad_home: Path) -> Status:
    return glance(get_settings(), JANUARY)


def test_a_refused_night_says_why(bad: Status) -> None:
    assert not bad.is_well
    assert bad.publication is None
    assert bad.night is not None
    assert (bad.night.night_id, bad.night.outcome) == ("night-1", "refused")
    assert bad.night.reasons[0].startswith("submission 1 (nhcsxh credit_loan 2020-Q4): 400 rows in the file, 0 in raw")
    assert len(bad.night.reasons) > 5


def test_held_rows_are_told_by_report_with_their_rules(bad: Status) -> None:
    [held] = bad.held
    assert (held.dataset, held.sender_code, held.period_code) == ("credit_loan", "nhcsxh", "2023-Q3")
    assert (held.held_row_count, held.row_count, held.rules) == (2, 900, ("CL-01", "CL-02"))


def test_a_third_quarter_is_unusual_among_third_quarters(bad: Status) -> None:
    assert bad.movement is not None
    [moved] = bad.movement.moved
    assert (moved.place, moved.period_code, moved.value, moved.earlier) == ("nhcsxh", "2023-Q3", 900, (30, 30, 30))


def test_what_is_due_soon_and_whether_it_was_late_a_year_ago(bad: Status) -> None:
    assert bad.due_soon is not None
    due = {(each.sender_code, each.dataset): each for each in bad.due_soon}
    assert due["nhcsxh", "credit_loan"] == Owed(
        "nhcsxh", "credit_loan", "2023-Q4", "", "missing", date(2024, 1, 15), 10, was_late=True, days_late=5
    )
    on_time = due["huyen-220", "commune_profile"]
    assert (on_time.was_late, on_time.days_late, on_time.days) == (False, 0, 10)
    never = due["huyen-223", "commune_profile"]
    assert (never.was_late, never.days_late) == (True, None)
    assert bad.overdue is not None
    assert all(each.due_on < JANUARY.date() <= other.due_on for each in bad.overdue for other in bad.due_soon)


def test_what_may_only_be_sent_from_tomorrow_on_is_due_soon_too(bad_home: Path, warehouse_url: str) -> None:
    with psycopg.connect(warehouse_url) as db:
        sent(db, "huyen-220", "review_result", "2021", "", "accepted", "2021-12-16", revision=1)
    told = glance(get_settings(), datetime(2023, 12, 10, tzinfo=UTC)).due_soon
    assert told is not None
    assert ("review_result", "2023", 10) in {(each.dataset, each.period_code, each.days) for each in told}
    with psycopg.connect(warehouse_url) as db:
        db.execute("delete from ops.submission where dataset = 'review_result'")


def test_a_message_that_waits_is_told(bad: Status) -> None:
    assert bad.messages.channels == ("webhook",)
    [waits] = bad.messages.undelivered
    assert (waits.channel, waits.message_count) == ("webhook", 1)


def test_the_exit_code_tells_that_nothing_was_published(bad_home: Path, warehouse_url: str) -> None:
    done = run(bad_home, warehouse_url, "status")
    assert done.returncode == 1
    assert "REFUSED: nothing was published" in done.stdout
    assert "400 rows in the file, 0 in raw" in done.stdout
    assert " more\n" in done.stdout


def test_a_step_that_runs_is_told(bad_home: Path, warehouse_url: str) -> None:
    with step_session(warehouse_url, "judge", "credit_loan"):
        now = glance(get_settings())
    assert [each.step for each in now.running] == ["judge credit_loan"]
    assert now.night is not None
    assert now.night.outcome == "running"
    assert now.is_well


def test_no_rendering_names_a_person(bad: Status) -> None:
    assert "Nga" not in repr(bad) + page(bad) + exposition(bad).decode()


# -- where there is nothing to ask -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty(server_url_of_empty: str, tmp_path_factory: pytest.TempPathFactory) -> Status:
    return glance(Settings(home=tmp_path_factory.mktemp("empty"), warehouse_url=server_url_of_empty))


@pytest.fixture(scope="module")
def server_url_of_empty(warehouse_url: str) -> Iterator[str]:
    base, _, name = warehouse_url.rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as db:
        db.execute(f"create database {name}_empty")
        yield f"{base}/{name}_empty"
        db.execute(f"drop database {name}_empty with (force)")


def test_an_empty_warehouse_is_no_fault(empty: Status) -> None:
    assert (empty.warehouse.state, empty.is_well, empty.overdue, empty.movement) == ("empty", True, None, None)


def test_a_warehouse_that_does_not_answer(tmp_path: Path) -> None:
    url = "postgresql://nobody:nothing@127.0.0.1:9/warehouse"
    gone = glance(Settings(home=tmp_path, warehouse_url=url))
    assert (gone.warehouse.state, gone.is_well) == ("unreachable", False)
    assert "nothing" not in repr(gone)
    done = run(tmp_path, url, "status")
    assert done.returncode == 1
    assert "does NOT ANSWER" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_home_that_was_never_started(tmp_path: Path) -> None:
    done = run(tmp_path / "none", None, "status")
    assert done.returncode == 1
    assert "is DOWN" in done.stdout
    assert "chungtay up" in done.stdout
    assert not (tmp_path / "none").exists()


# -- metrics ---------------------------------------------------------------------------------------------------------


def samples(status: Status) -> dict[tuple[str, tuple[str, ...]], float]:
    """Read back by Prometheus' own parser."""
    families = list(text_string_to_metric_families(exposition(status).decode()))
    assert families
    for family in families:
        assert family.documentation
        assert family.name.startswith("chungtay_")
        assert family.type in ("gauge", "counter")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def test_metrics_tell_the_same(good: Status) -> None:
    told = samples(good)
    assert told["chungtay_warehouse_up", ()] == 1
    assert told["chungtay_well", ()] == 1
    assert told["chungtay_publications_total", ()] == 2
    assert told["chungtay_last_night_outcome", ("published",)] == 1
    assert told["chungtay_last_night_outcome", ("refused",)] == 0
    assert good.publication is not None
    assert told["chungtay_last_publication_age_seconds", ()] == pytest.approx(good.publication.age_seconds)
    assert told["chungtay_accepted_rows", ("household_review",)] == 1000
    assert told["chungtay_reports", ("household_review", "accepted")] == 6
    assert told["chungtay_last_night_step_seconds", ("build",)] > 0
    assert good.overdue is not None
    assert told["chungtay_overdue_senders", ()] == len({each.sender_code for each in good.overdue})


def test_metrics_of_a_bad_night(bad: Status) -> None:
    told = samples(bad)
    assert told["chungtay_last_night_outcome", ("refused",)] == 1
    assert told["chungtay_held_rows", ("credit_loan",)] == 2
    assert told["chungtay_undelivered_messages", ("webhook",)] == 1
    assert told["chungtay_due_soon_reports", ("credit_loan",)] == 1
    assert ("chungtay_last_publication_age_seconds", ()) not in told


def test_what_cannot_be_told_has_no_sample(empty: Status) -> None:
    assert samples(empty) == {("chungtay_warehouse_up", ()): 1, ("chungtay_well", ()): 1}
    assert samples(replace(empty, movement=Movement())) == samples(empty)
