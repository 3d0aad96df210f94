"""The local Airflow, with its real processes: two homes side by side, kills, and a night from inbox to mart."""

import os
import shutil
import signal
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from ingestion.local.airflow import ADMIN, Airflow, AirflowError
from ingestion.local.airflow_client import AirflowApiError, AirflowClient
from ingestion.local.postgres import locked
from ingestion.night import FLOW, NightError, Task, run_night
from ingestion.settings import PROJECT_DIR, Settings, get_settings
from ingestion.watch import look

COMPONENTS = {"api_server", "dag_processor", "scheduler"}


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
    """A running stack of its own for this module."""
    with new_home() as airflow:
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
    assert stack.processes().keys() == COMPONENTS
    client = stack.client()
    assert client.dag_ids() == set(FLOW) == {path.stem for path in (PROJECT_DIR / "dags").glob("*.py")}
    assert client.health()["scheduler"] == "healthy"


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
        assert set(other.down()) == COMPONENTS | {"postgres"}
        assert processes_of(other.home) == []
        assert other.down() == []
    assert stack.processes().keys() == COMPONENTS
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
    assert after.keys() == COMPONENTS
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


def test_a_night_that_fails_says_where(stack: Airflow) -> None:
    settings = Settings(home=stack.home, inbox=None, warehouse_url=None)
    night = run_night(settings, stack.server.url(), stack.home / "no such folder", lambda *_: None)
    assert not night.published
    assert [failure.step for failure in night.failures] == ["receive_reports.list_senders"]
    assert "no such folder" in night.failures[0].message
    assert night.failures[0].log is not None
    assert night.failures[0].log.exists()
    get_settings.cache_clear()
