"""The five questions of every morning, asked once: did it publish, who is late, what is held, what moved unusually,
what will miss its deadline. Screen, page, JSON and metrics show this object and ask nothing themselves.

All is read in one transaction, so that the answers fit together, and by psycopg alone: a command is quick by what it
does not import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, LiteralString
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import class_row

from ingestion.lineage import NOT_SENT
from ingestion.local.airflow import COMPONENTS, Airflow
from ingestion.local.postgres import ServerError
from ingestion.settings import MESSAGES_LIVE, STEP_SESSION, Settings
from ingestion.status.unusual import Movement, movement

DUE_SOON_DAYS = 14
_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 10

Outcome = Literal["published", "refused", "failed", "running", "unfinished"]


@dataclass(frozen=True, slots=True)
class TableChange:
    """What a publication changed in one public table."""

    table: str
    rows_added: int
    rows_removed: int
    rows_after: int


@dataclass(frozen=True, slots=True)
class Publication:
    """The publication that is public. `changes` are the tables that it changed, the most changed first."""

    publication_id: int
    night_id: str
    published_at: datetime
    age_seconds: float
    rows_changed: int
    code_version: str
    restores: int | None
    changes: tuple[TableChange, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the last night over all its subjects and tries."""

    step: str
    seconds: float
    count_in: int
    count_out: int


@dataclass(frozen=True, slots=True)
class Night:
    """The last night. `reasons` say why it was not published, or what failed though it was: steps, tests, kinds of
    errors; no value."""

    night_id: str
    outcome: Outcome
    finished_at: datetime
    reasons: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """A step that runs just now."""

    step: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Reports:
    """How many reports of a data set came, by what became of them."""

    dataset: str | None
    status_code: str
    report_count: int
    row_count: int
    held_row_count: int


@dataclass(frozen=True, slots=True)
class Owed:
    """An expected report that is missing or was rejected. `days` since the due day, or left until it.

    Of the same report a year before: whether it was late (None: it was not expected), and by how many days if it came.
    """

    sender_code: str
    dataset: str
    period_code: str
    standard_code: str
    status_code: str
    due_on: date
    days: int
    was_late: bool | None
    days_late: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """Rows of a report in force that are held back, and the rules that hold them."""

    dataset: str
    sender_code: str
    period_code: str
    held_row_count: int
    row_count: int
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Messages to operators that a channel has not taken yet."""

    channel: str
    message_count: int
    last_error: str


@dataclass(frozen=True, slots=True)
class Messages:
    """The channels that are set, and what did not arrive."""

    channels: tuple[str, ...]
    undelivered: tuple[Undelivered, ...] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs of this home's own stack: process ids, None where it is down."""

    home: str
    postgres: int | None
    api_server: int | None
    scheduler: int | None
    dag_processor: int | None
    triggerer: int | None
    airflow_url: str | None
    airflow_password_file: str | None


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Whether the warehouse answers. `why` tells of one that does not; `empty` is one that no night has prepared."""

    state: Literal["answers", "empty", "down", "unreachable"]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """All answers as of one instant. None of a list means: cannot be told yet."""

    at: datetime
    warehouse: Warehouse
    publication: Publication | None
    publication_count: int
    night: Night | None
    running: tuple[Running, ...]
    reports: tuple[Reports, ...]
    overdue: tuple[Owed, ...] | None
    due_soon: tuple[Owed, ...] | None
    held: tuple[Held, ...]
    movement: Movement | None
    messages: Messages
    stack: Stack

    @property
    def is_well(self) -> bool:
        """Whether the warehouse answers, and the last night, if there was one, was published or still runs."""
        return self.warehouse.state in ("answers", "empty") and (
            self.night is None or self.night.outcome in ("published", "running")
        )


def glance(settings: Settings, at: datetime | None = None) -> Status:
    """Look now, or as of another instant. A warehouse that is down, empty or does not answer is told, never raised."""
    at = (at or datetime.now(UTC)).astimezone(ZoneInfo(settings.time_zone))
    airflow = Airflow(settings)
    processes = airflow.processes()
    postgres = airflow.server.pid()
    stack = Stack(
        home=str(settings.home),
        postgres=postgres,
        **{name: processes.get(name) for name in COMPONENTS},
        airflow_url=airflow.url if processes else None,
        airflow_password_file=str(airflow.password_file) if processes else None,
    )
    channels = settings.channels
    if not settings.warehouse_url and postgres is None:
        why = "the home's own server is not running: start it by `chungtay up`"
        return _blind(at, Warehouse("down", why), channels, stack)
    try:
        with psycopg.connect(
            settings.warehouse_url or airflow.server.url(),
            connect_timeout=_CONNECT_SECONDS,
            application_name="chungtay status",
            options=f"-c statement_timeout={_STATEMENT_SECONDS}s",
        ) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            return _Questions(connection, at).answers(channels, stack)
    except (psycopg.Error, ServerError) as error:
        # its words may name the address; the kind says enough
        return _blind(at, Warehouse("unreachable", type(error).__name__), channels, stack)


def _blind(at: datetime, warehouse: Warehouse, channels: tuple[str, ...], stack: Stack) -> Status:
    return Status(
        at=at, warehouse=warehouse, publication=None, publication_count=0, night=None, running=(), reports=(),
        overdue=None, due_soon=None, held=(), movement=None, messages=Messages(channels), stack=stack,
    )  # fmt: skip


class _Questions:
    """What is asked of the warehouse, in one transaction."""

    def __init__(self, connection: psycopg.Connection[Any], at: datetime) -> None:
        self._connection = connection
        self._at = at

    def answers(self, channels: tuple[str, ...], stack: Stack) -> Status:
        if not self._has("ops.notification"):  # the control tables come all at once
            return _blind(self._at, Warehouse("empty", "no night has run on it yet"), channels, stack)
        running = self._running()
        owed = self._owed() if self._has("intermediate.int_report__status") else None
        [publication_count] = self._one("select count(*) from ops.publication")
        return Status(
            at=self._at,
            warehouse=Warehouse("answers"),
            publication=self._publication(),
            publication_count=publication_count,
            night=self._night(is_running=bool(running)),
            running=running,
            reports=self._reports(),
            overdue=None if owed is None else tuple(each for is_late, each in owed if is_late),
            due_soon=None if owed is None else tuple(each for is_late, each in owed if not is_late),
            held=self._held(),
            movement=movement(self._connection),
            messages=Messages(channels, self._undelivered()),
            stack=stack,
        )

    def _one(self, query: LiteralString, values: Sequence[object] | None = None) -> Any:
        return self._connection.execute(query, values).fetchone()

    def _has(self, relation: str) -> bool:
        return bool(self._one("select to_regclass(%s) is not null", [relation])[0])

    def _publication(self) -> Publication | None:
        found = self._one(
            "select publication_id, night_id, published_at, extract(epoch from now() - published_at)::float,"
            " rows_changed, code_version, restores, changes from ops.publication order by publication_id desc limit 1"
        )
        if found is None:
            return None
        publication_id, night_id, published_at, age_seconds, rows_changed, code_version, restores, changes = found
        changed = [
            TableChange(table, change["rows_added"], change["rows_removed"], change["rows_after"])
            for table, change in changes.items()
            if change["rows_added"] or change["rows_removed"]
        ]
        changed.sort(key=lambda each: (-each.rows_added - each.rows_removed, each.table))
        return Publication(
            publication_id, night_id, published_at, age_seconds, rows_changed, code_version, restores, tuple(changed)
        )

    def _night(self, *, is_running: bool) -> Night | None:
        last = self._one(
            # reports arrive and are judged all day: a night is what builds, or something that failed since
            "select night_id from ops.step_outcome where (step in ('build', 'publish') or status_code = 'failed')"
            " and not night_id like any(array['load-%', 'restore-%']) order by step_outcome_id desc limit 1"
        )
        if last is None:
            return None
        [night_id] = last
        # to_jsonb: a warehouse that is not migrated yet has no submission_id
        rows = self._connection.execute(
            "select step, subject, status_code, count_in, count_out, seconds::float, split_part(message, ':', 1),"
            " finished_at from ops.step_outcome as o where night_id = %s and to_jsonb(o) ->> 'submission_id' is null"
            " order by step_outcome_id",
            [night_id],
        ).fetchall()
        refusal = self._one(
            "select details from ops.notification where night_id = %s and kind = 'publication_refused'"
            " order by created_at desc limit 1",
            [night_id],
        )
        [is_published] = self._one("select exists (select from ops.publication where night_id = %s)", [night_id])
        steps: dict[str, Step] = {}
        last_try: dict[str, tuple[str, str]] = {}
        for step, subject, status, count_in, count_out, seconds, kind, _ in rows:
            before = steps.get(step, Step(step, 0, 0, 0))
            steps[step] = Step(step, before.seconds + seconds, before.count_in + count_in, before.count_out + count_out)
            last_try[f"{step} {subject}".strip()] = status, kind
        failed = [f"{name}: {kind}" for name, (status, kind) in last_try.items() if status == "failed"]
        unsent = [
            f"{name}: {kind}" for name, (status, kind) in last_try.items() if status != "failed" and kind == NOT_SENT
        ]
        outcome: Outcome = "unfinished"
        if is_published:
            outcome = "published"
        elif is_running:
            outcome = "running"
        elif failed:
            outcome = "refused" if refusal else "failed"
        reasons = (
            [line.removeprefix("- ") for line in refusal[0].splitlines()]
            if outcome == "refused"
            else [*failed, *unsent]
        )
        return Night(night_id, outcome, rows[-1][-1], tuple(reasons), tuple(steps.values()))

    def _running(self) -> tuple[Running, ...]:
        with self._connection.cursor(row_factory=class_row(Running)) as cursor:
            return tuple(
                cursor.execute(
                    "select substr(application_name, length(%(prefix)s) + 1) as step,"
                    " extract(epoch from clock_timestamp() - backend_start)::float as seconds from pg_stat_activity"
                    " where datname = current_database() and starts_with(application_name, %(prefix)s) order by 2 desc",
                    {"prefix": STEP_SESSION},
                )
            )

    def _reports(self) -> tuple[Reports, ...]:
        with self._connection.cursor(row_factory=class_row(Reports)) as cursor:
            return tuple(
                cursor.execute(
                    "select dataset, status_code, count(*) as report_count, sum(row_count)::bigint as row_count,"
                    " sum(held_row_count)::bigint as held_row_count from ops.submission group by 1, 2 order by 1, 2"
                )
            )

    def _owed(self) -> list[tuple[bool, Owed]]:
        """Missing and rejected reports that are due by two weeks from now, the longest due first; whether each is late.

        The view is asked as of that later day, so that what may only be sent from tomorrow on is told, too.
        """
        today = self._at.date()
        until = today + timedelta(days=DUE_SOON_DAYS)
        self._connection.execute("select set_config('chungtay.as_of', %s, true)", [until.isoformat()])
        rows = self._connection.execute(
            "with report as materialized ("
            " select sender_code, dataset, period_code, standard_code, status_code, due_on, is_on_time, days_late"
            " from intermediate.int_report__status where is_expected),"
            " year_before as ("
            " select sender_code, dataset,"
            " (left(period_code, 4)::integer + 1)::text || substr(period_code, 5) as period_code,"
            " bool_or(is_on_time is false) as was_late, max(days_late) as days_late"
            " from report group by 1, 2, 3)"
            " select r.due_on < %(today)s, r.sender_code, r.dataset, r.period_code, r.standard_code, r.status_code,"
            " r.due_on, abs(r.due_on - %(today)s), b.was_late, b.days_late"
            " from report as r left join year_before as b using (sender_code, dataset, period_code)"
            " where r.status_code in ('missing', 'rejected') and r.due_on <= %(until)s"
            " order by r.due_on, r.dataset, r.sender_code, r.standard_code",
            {"today": today, "until": until},
        ).fetchall()
        self._connection.execute("select set_config('chungtay.as_of', '', true)")
        return [(is_late, Owed(*told)) for is_late, *told in rows]

    def _held(self) -> tuple[Held, ...]:
        rows = self._connection.execute(
            "select s.dataset, s.sender_code, s.period_code, s.held_row_count, s.row_count,"
            " (select array_agg(distinct f.rule order by f.rule) from ops.finding as f"
            " where f.submission_id = s.submission_id and f.severity = 'critical')"
            " from ops.submission as s where s.status_code in ('accepted', 'accepted_with_findings')"
            " and s.held_row_count > 0 order by s.held_row_count desc, s.dataset, s.sender_code, s.period_code"
        ).fetchall()
        return tuple(
            Held(dataset, sender_code, period_code, held, rows_of, tuple(rules or ()))
            for dataset, sender_code, period_code, held, rows_of, rules in rows
        )

    def _undelivered(self) -> tuple[Undelivered, ...]:
        with self._connection.cursor(row_factory=class_row(Undelivered)) as cursor:
            return tuple(
                cursor.execute(
                    "select d.channel, count(*) as message_count, max(d.last_error) as last_error"
                    " from ops.notification_delivery as d inner join ops.notification as n using (notification_id)"
                    " where d.delivered_at is null and n.created_at > %s"
                    " group by d.channel order by d.channel",
                    [self._at - MESSAGES_LIVE],
                )
            )
