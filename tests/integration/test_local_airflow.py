"""The local Airflow, with its real processes: two homes side by side, kills, and a night from inbox to mart."""

import json
import os
import shutil
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from psycopg import sql

from ingestion.arrivals import received
from ingestion.local.airflow import ADMIN, COMPONENTS, POOLS_FILE, Airflow, AirflowError
from ingestion.local.airflow_client import AirflowApiError, AirflowClient
from ingestion.local.postgres import locked
from ingestion.night import ENDED, FLOW, REJUDGING, NightError, Task, rejudge, run_night
from ingestion.settings import PROJECT_DIR, Settings, get_settings
from ingestion.watch import look

ALL_COMPONENTS = set(COMPONENTS)
SENDER, PERIOD = "huyen-220", "2024"
SAMPLES = PROJECT_DIR / "examples" / "inbox" / SENDER / PERIOD
PROFILE = "thong tin xa*"
PATIENCE = 300  # seconds, for what takes a few: the machine may be busy


@contextmanager
def new_home() -> Iterator[Airflow]:
    home = Path(tempfile.mkdtemp(prefix="chungtay-test-"))
    home.chmod(0o711)
    airflow = Airflow(Settings(home=home, inbox=None, warehouse_url=None))
    try:
        yield airflow
    finally:
        airflow.down()
        airflow.server.destroy()
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def stack() -> Iterator[Airflow]:
    """A running stack of its own for this module. Every run misses its deadline: the alert is to ring."""
    with new_home() as airflow, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_ARRIVAL_QUIET_SECONDS", "1")
        patch.setenv("CHUNGTAY_ARRIVAL_POLL_SECONDS", "0.5")
        patch.setenv("CHUNGTAY_DEADLINE_MINUTES", "0.02")
        airflow.up()
        yield airflow


def answer(url: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that works in this home's folders."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(home):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_up_gives_a_healthy_stack_with_all_dags(stack: Airflow) -> None:
    assert stack.processes().keys() == ALL_COMPONENTS
    client = stack.client()
    dags = {path.stem for path in (PROJECT_DIR / "dags").glob("*.py")}
    assert client.dag_ids() == dags == {*FLOW, *REJUDGING}
    assert client.health()["scheduler"] == client.health()["triggerer"] == "healthy"
    assert client.pools() == {"default_pool": 128} | {
        name: pool["slots"] for name, pool in json.loads(POOLS_FILE.read_text()).items()
    }


def test_up_again_leaves_what_runs(stack: Airflow) -> None:
    before = stack.processes()
    Airflow(Settings(home=stack.home, inbox=None, warehouse_url=None)).up()
    assert stack.processes() == before


def test_the_door_is_locked(stack: Airflow) -> None:
    assert answer(f"{stack.url}/api/v2/dags") == 401
    assert answer(f"{stack.url}/auth/token") in (401, 403, 422)  # no token for the asking
    with pytest.raises(AirflowApiError, match="401"):
        AirflowClient(stack.url, ADMIN, "admin").dag_ids()
    for name in ("passwords.json", "secrets.json"):
        assert (stack.folder / name).stat().st_mode & 0o777 == 0o600
    assert stack.folder.stat().st_mode & 0o777 == 0o700
    listening = {
        connection.laddr.ip
        for pid in stack.processes().values()
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_homes_live_side_by_side_and_down_is_for_one(stack: Airflow) -> None:
    with new_home() as other:
        other.up()
        assert other.url != stack.url
        assert other.server.url() != stack.server.url()
        assert not set(other.processes().values()) & set(stack.processes().values())
        assert processes_of(other.home)
        assert set(other.down()) == ALL_COMPONENTS | {"postgres"}
        assert processes_of(other.home) == []
        assert other.down() == []
    assert stack.processes().keys() == ALL_COMPONENTS
    assert stack.client().health()["scheduler"] == "healthy"


def test_up_mends_what_was_killed(stack: Airflow) -> None:
    before = stack.processes()
    os.kill(before["scheduler"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before["scheduler"])], timeout=5)
    assert "scheduler" not in stack.processes()
    settings = Settings(home=stack.home, inbox=None, warehouse_url=None)
    [alarm] = [alarm for alarm in look(settings).ringing if alarm.kind == "scheduler_dead"]
    assert "scheduler: no process" in alarm.text_en
    stack.up()
    assert "scheduler_dead" in look(settings).over
    after = stack.processes()
    assert after.keys() == ALL_COMPONENTS
    assert not set(after.values()) & set(before.values())
    sessions = [os.getsid(process.pid) for process in processes_of(stack.home) if process.username() != "postgres"]
    assert not set(sessions) & set(before.values())  # nothing of the old ones is left


def test_settings_that_changed_count_after_up(stack: Airflow) -> None:
    before = stack.processes()
    changed = Airflow(Settings(home=stack.home, inbox=stack.home / "elsewhere", warehouse_url=None))
    changed.up()
    assert not set(changed.processes().values()) & set(before.values())
    stack.up()


def test_airflow_that_never_started_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(AirflowError, match="chungtay up"):
        Airflow(Settings(home=tmp_path)).client()
    assert Airflow(Settings(home=tmp_path / "none")).down() == []
    assert not (tmp_path / "none").exists()


def test_a_second_night_at_the_same_time_is_refused(stack: Airflow) -> None:
    settings = Settings(home=stack.home, inbox=None, warehouse_url=None)
    with locked(stack.home / ".night.lock"), pytest.raises(NightError, match="another night"):
        run_night(settings, stack.server.url(), None, lambda *_: None)


def test_a_night_goes_from_inbox_to_mart(stack: Airflow, tmp_path: Path) -> None:
    """Through the three DAGs: a good report is published, a damaged file stops nobody."""
    inbox = tmp_path / "inbox"
    shutil.copytree(PROJECT_DIR / "examples" / "inbox" / "huyen-220" / "2024", inbox / "huyen-220" / "2024")
    damaged = inbox / "huyen-223" / "2024" / "DS ho ngheo.xlsx"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"PK\x03\x04 not a workbook")
    seen: dict[str, set[str]] = {}

    def watch(dag_id: str, tasks: Sequence[Task]) -> None:
        seen.setdefault(dag_id, set()).update(task.name for task in tasks)

    settings = Settings(home=stack.home, inbox=None, warehouse_url=None)
    url = stack.server.url()
    night = run_night(settings, url, inbox, watch)
    assert night.failures == []
    assert night.published
    assert tuple(seen) == FLOW
    assert {"receive[huyen-220]", "receive[huyen-223]"} <= seen["receive_reports"]
    assert "judge" in seen["judge_reports"]
    assert "household_review" in {step.subject for step in night.steps if step.step == "judge"}
    assert night.reports["rejected"] == 1
    sent = len(list((inbox / "huyen-220" / "2024").iterdir()))
    assert night.reports.get("accepted", 0) + night.reports.get("accepted_with_findings", 0) == sent == 6
    assert 0 < night.work_seconds < night.seconds
    with psycopg.connect(url) as connection:
        published = connection.execute("select count(*) from mart.fct_household_review").fetchone()
        nights = connection.execute("select distinct night_id from ops.step_outcome").fetchall()
        accepted = connection.execute(
            "select sum(row_count - held_row_count) from ops.submission where dataset = 'household_review'"
        ).fetchone()
    assert published == accepted
    assert published is not None
    assert published[0] > 0
    assert nights == [(night.night_id,)]  # handed on from DAG to DAG

    again = run_night(settings, url, inbox, watch)
    assert again.published
    assert again.reports == {"duplicate": sent + 1}
    assert again.changes
    assert all(change["rows_added"] == change["rows_removed"] == 0 for change in again.changes.values())


def test_a_night_with_nothing_in_the_inbox_is_published_too(stack: Airflow, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    settings = Settings(home=stack.home, inbox=None, warehouse_url=None)
    night = run_night(settings, stack.server.url(), tmp_path / "inbox", lambda *_: None)
    assert night.failures == []
    assert night.published
    assert night.reports == {}


def settings_of(stack: Airflow) -> Settings:
    return Settings(home=stack.home, inbox=None, warehouse_url=None)


def rows(stack: Airflow, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(stack.server.url(), autocommit=True) as connection:
        return connection.execute(statement, values).fetchall()


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def runs_at_rest(stack: Airflow) -> bool:
    """Whether no run of any DAG is under way."""
    return all(run["state"] in ENDED for run in stack.client().runs())


def test_what_arrives_by_day_is_judged_and_answered_and_the_night_publishes_it(stack: Airflow) -> None:
    """Nobody asks for it: the file is put into the inbox. It stays there as it is, and is received once."""
    inbox = settings_of(stack).inbox_dir
    builds = "select count(*) from ops.step_outcome where step in ('build', 'publish')"
    before = rows(stack, builds)
    [sample] = (SAMPLES.parent / "2023").glob(PROFILE)
    path = inbox / SENDER / "2023" / sample.name
    path.parent.mkdir(parents=True)
    path.write_bytes(sample.read_bytes())
    answer = settings_of(stack).outbox_dir / SENDER / "2023"
    wait_until(lambda: answer.is_dir() and any(answer.iterdir()), "no answer came")
    wait_until(lambda: runs_at_rest(stack), "the runs do not end")
    found = "select status_code, judged_at is not null from ops.submission where period_code = '2023'"
    [(status, is_judged)] = rows(stack, found)
    assert status in ("accepted", "accepted_with_findings")
    assert is_judged
    assert rows(stack, builds) == before  # not published
    assert path.read_bytes() == sample.read_bytes()
    assert [place for place, _ in received(settings_of(stack)).items()] == [f"{SENDER}/2023/{sample.name}"]

    os.kill(stack.processes()["triggerer"], signal.SIGKILL)  # what watches the inbox starts again ...
    stack.up()
    runs = len(stack.client().runs())
    night = run_night(settings_of(stack), stack.server.url(), None, lambda *_: None)
    assert night.failures == []
    assert night.published
    profiles = "select count(*) from mart.fct_commune_profile as f join ops.submission as s using (submission_id)"
    assert rows(stack, f"{profiles} where s.period_code = '2023'")[0][0] > 0
    assert len(stack.client().runs()) == runs + len(FLOW)  # ... and tells nothing that was received


def test_reports_judged_by_an_old_rule_get_the_verdict_of_the_new_one(stack: Airflow) -> None:
    """As if the rules of then had found fault with a report; nobody sends it again."""
    [(submission,)] = rows(
        stack,
        "update ops.submission set status_code = 'rejected', verdict_code = 'rejected' where period_code = '2023'"
        " and dataset = 'commune_profile' and status_code like 'accepted%%' returning submission_id",
    )
    rows(
        stack,
        "insert into ops.finding (submission_id, found_by, rule, severity, message_vi, message_en)"
        " values (%s, 'judge', 'OLD-01', 'reject', '', '') returning 1",
        submission,
    )
    published = "select count(*) from mart.fct_commune_profile where submission_id = %s"
    seen = []
    scope = {"from_period": "2023", "to_period": "2023", "dataset": "commune_profile", "sender": SENDER}
    night = rejudge(settings_of(stack), stack.server.url(), scope, lambda dag_id, _: seen.append(dag_id))
    assert night.failures == []
    assert night.published
    assert tuple(dict.fromkeys(seen)) == REJUDGING
    [(status,)] = rows(stack, "select status_code from ops.submission where submission_id = %s", submission)
    assert status.startswith("accepted")
    assert rows(stack, published, submission)[0][0] > 0
    assert rows(stack, "select count(*) from ops.finding where rule = 'OLD-01'") == [(0,)]

    nothing = rejudge(settings_of(stack), stack.server.url(), {"sender": "huyen-999"}, lambda *_: None)
    assert not nothing.published
    assert "no report was judged yet that matches" in nothing.failures[0].message


def test_a_run_that_misses_its_deadline_is_told(stack: Airflow) -> None:
    told = "select title_en from ops.notification where kind = 'deadline_missed'"
    wait_until(lambda: ("build_warehouse has not ended in time",) in rows(stack, told), "no deadline rang")
    assert len(rows(stack, told)) == len(rows(stack, f"{told} group by title_en, text_en"))  # once per run


def test_a_final_fault_is_not_tried_again_and_a_passing_one_is(stack: Airflow) -> None:
    client = stack.client()
    secret = stack.home / "surrogate_secret"
    right = secret.read_text()
    secret.write_text("another secret of more than thirty-two letters")
    try:
        client.trigger("build_warehouse", "final", {})
        wait_until(lambda: client.run("build_warehouse", "final")["state"] == "failed", "it does not fail")
    finally:
        secret.write_text(right)
    [task] = [each for each in client.task_instances("build_warehouse", "final") if each["task_id"] != "notify"]
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert task["max_tries"] > 0

    name = psycopg.conninfo.conninfo_to_dict(stack.server.url())["dbname"]
    with psycopg.connect(stack.server.url("postgres"), autocommit=True) as server:
        allow = sql.SQL("alter database {} allow_connections {}").format
        server.execute(allow(sql.Identifier(str(name)), sql.Literal(False)))
        try:
            client.trigger("judge_reports", "passing", {"to_publish": False})

            def is_waiting() -> bool:
                return "up_for_retry" in [t["state"] for t in client.task_instances("judge_reports", "passing")]

            wait_until(is_waiting, "it is not tried again")
        finally:
            server.execute(allow(sql.Identifier(str(name)), sql.Literal(True)))
    wait_until(lambda: client.run("judge_reports", "passing")["state"] == "success", "it does not succeed")
    [task] = [each for each in client.task_instances("judge_reports", "passing") if each["task_id"] == "judge"]
    assert task["try_number"] == 2
    assert [run for run in client.runs() if run["dag_id"] == "build_warehouse" and run["state"] not in ENDED] == []


def test_a_night_that_fails_says_where(stack: Airflow) -> None:
    settings = Settings(home=stack.home, inbox=None, warehouse_url=None)
    night = run_night(settings, stack.server.url(), stack.home / "no such folder", lambda *_: None)
    assert not night.published
    assert [failure.step for failure in night.failures] == ["receive_reports.prepare"]
    assert "no such folder" in night.failures[0].message
    assert night.failures[0].log is not None
    assert night.failures[0].log.exists()
    get_settings.cache_clear()
