"""One whole night through Airflow: asked for, followed to its end, and told.

A night is three DAG runs, each started by an asset that the one before it announced; so is judging again, which marks
reports instead of receiving them. Airflow may answer several
announcements with one run (two nights at the same time); its steps then carry the later night's id.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingestion.local.airflow import Airflow, AirflowError
from ingestion.local.airflow_client import AirflowApiError, AirflowClient
from ingestion.local.postgres import locked
from ingestion.ops import Finding, Publication, StepOutcome, Submission
from ingestion.settings import Settings
from ingestion.warehouse import create_engine

FLOW = ("receive_reports", "judge_reports", "build_warehouse")
REJUDGING = ("rejudge_reports", *FLOW[1:])
ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
POLL_SECONDS = 0.3
NEXT_RUN_SECONDS = 60  # between an announcement and the run that it starts
QUEUED_SECONDS = 3  # before we say that a run is waiting
STILL_SECONDS = 3600  # without any task changing its state


class NightError(RuntimeError):
    """The night could not be run or followed; the message says why."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task instance as it stands."""

    dag_id: str
    name: str
    state: str
    seconds: float | None
    log: Path


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed, with what it said and where the rest is."""

    step: str
    message: str
    log: Path | None


@dataclass(frozen=True, slots=True)
class Step:
    """A step's outcome, as `ops.step_outcome` has it."""

    step: str
    subject: str
    status_code: str
    count_in: int
    count_out: int
    seconds: float
    message: str
    finished_at: datetime


@dataclass(slots=True)
class Night:
    """What a night did. `reports` counts by status, `findings` by (rule, severity); `changes` is by table of `mart`."""

    night_id: str
    started_at: datetime
    seconds: float = 0
    published: bool = False
    failures: list[Failure] = field(default_factory=list)
    reports: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    held_rows: int = 0
    findings: dict[tuple[str, str], int] = field(default_factory=dict)
    changes: dict[str, dict[str, int]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def seconds_by_step(self) -> dict[str, list[float]]:
        """Seconds of every try, by step and subject, in the order of the night."""
        tries: dict[str, list[float]] = {}
        for step in self.steps:
            tries.setdefault(f"{step.step} {step.subject}".strip(), []).append(step.seconds)
        return tries

    @property
    def work_seconds(self) -> float:
        """Seconds in which at least one step worked; the rest of the night was the scheduler's."""
        total, reached = 0.0, self.started_at.timestamp()
        spans = sorted(
            (step.finished_at.timestamp() - step.seconds, step.finished_at.timestamp()) for step in self.steps
        )
        for begin, end in spans:
            total += max(0.0, end - max(begin, reached))
            reached = max(reached, end)
        return total


Watch = Callable[[str, Sequence[Task]], None]
Say = Callable[[str], None]


def run_night(settings: Settings, url: str, inbox: Path | None, watch: Watch, say: Say = lambda _: None) -> Night:
    """Run a night on the local stack, starting it if it is down; `watch` is told a DAG's id and tasks when they change.

    `url` is the warehouse's. Raises NightError when another night runs on this home, AirflowError when Airflow ends.
    """
    return _alone(settings, url, FLOW, {"inbox": str(inbox.absolute()) if inbox else None}, watch, say)


def rejudge(settings: Settings, url: str, scope: Mapping[str, Any], watch: Watch, say: Say = lambda _: None) -> Night:
    """As `run_night`, but judge again what was received before: `scope` as `pipeline.mark_for_judging` takes it."""
    return _alone(settings, url, REJUDGING, scope, watch, say)


def _alone(settings: Settings, url: str, flow: Sequence[str], conf: Mapping[str, Any], watch: Watch, say: Say) -> Night:
    airflow = Airflow(settings)
    airflow.up(say)
    try:
        with locked(settings.home / ".night.lock", wait=False):
            return _run(airflow, url, flow, conf, watch, say)
    except BlockingIOError:
        raise NightError(f"another night runs on {settings.home}; wait for its end") from None


def _run(airflow: Airflow, url: str, flow: Sequence[str], conf: Mapping[str, Any], watch: Watch, say: Say) -> Night:
    started = datetime.now(UTC)
    night = Night(f"{started:%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(2)}", started)
    client = airflow.client()
    run_id = f"night-{night.night_id}"
    client.trigger(flow[0], run_id, {"night_id": night.night_id, **conf})
    ids = {night.night_id}
    state = ""
    for dag_id, next_dag_id in zip(flow, (*flow[1:], None), strict=True):
        state, tasks = _follow(airflow, client, dag_id, run_id, watch, say)
        night.failures += [Failure(f"{dag_id}.{t.name}", _message(t), t.log) for t in tasks if t.state == "failed"]
        ids |= {event["extra"].get("night_id", "") for event in client.upstream_events(dag_id, run_id)}
        if next_dag_id is None:
            break
        caused = _next_run(client, dag_id, run_id, next_dag_id, expected=state == "success")
        if caused is None:
            break
        run_id = caused
    else:
        raise AssertionError("the flow ends with a DAG that starts none")
    night.seconds = (datetime.now(UTC) - started).total_seconds()
    tell(night, url, ids)
    night.published = night.published and state == "success"
    return night


def _follow(
    airflow: Airflow, client: AirflowClient, dag_id: str, run_id: str, watch: Watch, say: Say
) -> tuple[str, list[Task]]:
    """Wait for the end of one run; gives its state and its tasks."""
    seen: list[tuple[str, str]] = []
    begun = changed = time.monotonic()
    told = False
    while True:
        try:
            state = client.run(dag_id, run_id)["state"]
            tasks = [_task(airflow, dag_id, run_id, record) for record in client.task_instances(dag_id, run_id)]
        except AirflowApiError as error:
            if gone := {"scheduler", "api_server"} - airflow.processes().keys():
                raise _ended(airflow, gone) from error
            raise
        now = [(task.name, task.state) for task in tasks]
        if now != seen:
            seen, changed = now, time.monotonic()
            watch(dag_id, tasks)
        if state in ("success", "failed"):
            return state, tasks
        if state == "queued" and not told and time.monotonic() - begun > QUEUED_SECONDS:
            say(f"{dag_id} waits for an earlier run to end")
            told = True
        if time.monotonic() - changed > STILL_SECONDS:
            raise NightError(f"{dag_id} has not moved for {STILL_SECONDS} s; see {airflow.url}/dags/{dag_id}")
        if gone := {"scheduler", "api_server"} - airflow.processes().keys():
            raise _ended(airflow, gone)
        time.sleep(POLL_SECONDS)


def _ended(airflow: Airflow, names: set[str]) -> AirflowError:
    return AirflowError(
        f"Airflow's {' and '.join(sorted(names))} ended during the night; see {airflow.logs}."
        " Run the night again: it goes on from where this one ended"
    )


def _next_run(client: AirflowClient, dag_id: str, run_id: str, next_dag_id: str, *, expected: bool) -> str | None:
    """Id of the run that this run's announcement started; None if it failed before it announced anything."""
    deadline = time.monotonic() + NEXT_RUN_SECONDS
    while True:
        announced, caused = client.caused(dag_id, run_id)
        for run in caused:
            if run["dag_id"] == next_dag_id:
                caused_id: str = run["run_id"]
                return caused_id
        if not announced and not expected:
            return None
        if time.monotonic() > deadline:
            raise NightError(f"{dag_id} ended, but {next_dag_id} was not started by it within {NEXT_RUN_SECONDS} s")
        time.sleep(POLL_SECONDS)


def _task(airflow: Airflow, dag_id: str, run_id: str, record: dict[str, Any]) -> Task:
    mapped = record["map_index"] >= 0
    place = airflow.logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={record['task_id']}"
    if mapped:
        place /= f"map_index={record['map_index']}"
    label = record.get("rendered_map_index") or record["map_index"]
    return Task(
        dag_id=dag_id,
        name=f"{record['task_id']}[{label}]" if mapped else record["task_id"],
        state=record["state"] or "waiting",
        seconds=record["duration"],
        log=place / f"attempt={record['try_number']}.log",
    )


def _message(task: Task) -> str:
    """Kind and first line of the error that ended a task; the lines after it may quote rows, and rows name people."""
    if not task.log.exists():
        return "ended without a log"
    message = "ended without a word; was it killed?"
    for line in task.log.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        for error in entry.get("error_detail") or []:
            first = next(iter(str(error.get("exc_value", "")).splitlines()), "")
            message = f"{error.get('exc_type')}: {first}"
    return message


def tell(night: Night, url: str, night_ids: Iterable[str]) -> None:
    """Fill in from the control tables what came, what was found and what was published."""
    engine = create_engine(url)
    ids = sorted(night_ids)
    of_night = sa.or_(Submission.received_at >= night.started_at, Submission.judged_at >= night.started_at)
    columns = [getattr(StepOutcome, name) for name in Step.__dataclass_fields__]
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("submission", schema="ops"):
                return  # it failed before the control tables were made
            steps = connection.execute(
                sa.select(*columns)
                .where(
                    StepOutcome.night_id.in_(ids),
                    StepOutcome.finished_at >= night.started_at,
                    StepOutcome.submission_id.is_(None),
                )
                .order_by(StepOutcome.step_outcome_id)
            )
            night.steps = [Step(**{**row, "seconds": float(row["seconds"])}) for row in steps.mappings()]
            for status, reports, rows, held in connection.execute(
                sa.select(
                    Submission.status_code,
                    sa.func.count(),
                    sa.func.sum(Submission.row_count),
                    sa.func.sum(Submission.held_row_count),
                )
                .where(of_night)
                .group_by(Submission.status_code)
            ):
                night.reports[status] = reports
                if status != "duplicate":
                    night.rows += rows
                    night.held_rows += held
            for rule, severity, count in connection.execute(
                sa.select(Finding.rule, Finding.severity, sa.func.count())
                .join(Submission, Submission.submission_id == Finding.submission_id)
                .where(of_night)
                .group_by(Finding.rule, Finding.severity)
                .order_by(Finding.severity, sa.func.count().desc(), Finding.rule)
            ):
                night.findings[rule, severity] = count
            changes = connection.scalar(
                sa.select(Publication.changes)
                .where(Publication.night_id.in_(ids), Publication.published_at >= night.started_at)
                .order_by(Publication.published_at.desc())
                .limit(1)
            )
            night.published, night.changes = changes is not None, changes or {}
    finally:
        engine.dispose()
    told = {failure.message for failure in night.failures}
    night.failures += [
        Failure(f"{step.step} {step.subject}".strip(), step.message.strip(), None)
        for step in night.steps
        if step.status_code == "failed" and step.message.strip() not in told
    ]
