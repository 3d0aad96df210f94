"""`chungtay watch`: rings when nothing else would, because what would tell of it is itself dead.

Runs beside the scheduler, by cron or systemd, and needs neither Airflow nor the warehouse: what rings, and the messages
that it could not send yet, stand in `<home>/watch.json`. Each alarm rings once, and once more when it is over.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import sqlalchemy as sa

from ingestion.local.airflow import COMPONENTS, HEALTHY, Airflow, AirflowError
from ingestion.local.airflow_client import AirflowApiError, AirflowClient
from ingestion.local.postgres import Server, ServerError, make_home, write_private
from ingestion.notify import Message, NotDeliveredError, channels, send_due, undelivered
from ingestion.ops import now
from ingestion.settings import STEP_SESSION, Settings
from ingestion.warehouse import create_engine

log = logging.getLogger(__name__)

_OF_LATE = 30  # successful runs of a step that say how long it takes
_TIMES_LONGEST = 3


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why an alarm rings. `kind` names its page of the runbook."""

    kind: str
    text_vi: str
    text_en: str


@dataclass(frozen=True, slots=True)
class Look:
    """What one look of the watcher found."""

    ringing: tuple[Alarm, ...]
    begun: tuple[Alarm, ...]
    over: tuple[str, ...]
    unsent: tuple[str, ...]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing rings, and nobody waits to be told."""
        return not self.ringing and not self.unsent


@dataclass(slots=True)
class _State:
    """What the watcher remembers between two looks."""

    ringing: dict[str, dict[str, str]] = field(default_factory=dict)  # by kind: since when, and what was told
    unsent: list[dict[str, Any]] = field(default_factory=list)  # messages, each with the channels left


class _Warehouse:
    """What the watcher asks of the warehouse."""

    def __init__(self, connection: sa.Connection, settings: Settings) -> None:
        self._connection = connection
        self._settings = settings

    def alarms(self) -> list[Alarm]:
        return [
            alarm
            for check in (self._not_published, self._alert_lost, self._night_hangs)
            if (alarm := check()) is not None
        ]

    def _has(self, table: str) -> bool:
        return bool(self._connection.scalar(sa.text("select to_regclass(:name) is not null"), {"name": table}))

    def _not_published(self) -> Alarm | None:
        zone = ZoneInfo(self._settings.time_zone)
        deadline = _latest(self._settings.published_by, now().astimezone(zone))
        start = _latest(self._settings.night_starts, deadline)
        last = (
            self._connection.scalar(sa.text("select max(published_at) from ops.publication where restores is null"))
            if self._has("ops.publication")
            else None
        )
        if last is not None and last >= start:
            return None
        last_vi, last_en = (f"{last.astimezone(zone):%Y-%m-%d %H:%M}",) * 2 if last else ("chưa có", "never")
        return Alarm(
            "not_published",
            f"Chưa có đợt nào được công bố đến {deadline:%H:%M ngày %Y-%m-%d}. Lần công bố gần nhất: {last_vi}.",
            f"No night was published by {deadline:%H:%M on %Y-%m-%d}. The last publication: {last_en}.",
        )

    def _alert_lost(self) -> Alarm | None:
        if not self._has("ops.notification"):
            return None
        lost = undelivered(self._connection, now() - timedelta(minutes=self._settings.alert_lost_minutes))
        if not lost:
            return None
        told = sorted({f"{each.channel}: {each.last_error or 'not tried'}" for each in lost})
        return Alarm(
            "alert_lost",
            f"{len(lost)} thông báo không gửi được ({'; '.join(told)}).",
            f"{len(lost)} messages could not be delivered ({'; '.join(told)}).",
        )

    def _night_hangs(self) -> Alarm | None:
        if not self._has("ops.step_outcome"):
            return None
        rows = self._connection.execute(
            sa.text(
                "with running as ("
                " select substr(application_name, length(:prefix) + 1) as name,"
                " extract(epoch from clock_timestamp() - backend_start) as seconds from pg_stat_activity"
                " where datname = current_database() and starts_with(application_name, :prefix))"
                " select running.name, running.seconds from running where running.seconds > greatest(:least, :times *"
                " (select max(late.seconds) from (select o.seconds from ops.step_outcome as o"
                " where o.status_code = 'succeeded' and o.submission_id is null"
                " and left(trim(o.step || ' ' || o.subject), length(running.name))"
                " = running.name order by o.step_outcome_id desc limit :count) as late)) order by running.seconds desc"
            ),
            {
                "prefix": STEP_SESSION,
                "least": self._settings.hang_minutes * 60,
                "times": _TIMES_LONGEST,
                "count": _OF_LATE,
            },
        ).all()
        if not rows:
            return None
        steps = ", ".join(f"“{row.name}” {float(row.seconds) / 60:.0f} min" for row in rows)
        return Alarm(
            "night_hangs",
            f"Có bước chạy lâu hơn hẳn mọi khi: {steps}.",
            f"A step runs far longer than it ever did of late: {steps}.",
        )


FROM_WAREHOUSE = ("not_published", "alert_lost", "night_hangs")
KINDS = ("warehouse_unreachable", "scheduler_dead", *FROM_WAREHOUSE)


def look(settings: Settings) -> Look:
    """Look once: send what waits, ring what begins, say what is over. One watcher at a time: hold `lock_of` before."""
    make_home(settings.home)
    file = settings.home / "watch.json"
    state = _read(file)
    alarms, unknown = _alarms(settings)
    found = {alarm.kind: alarm for alarm in alarms}
    begun = [alarm for kind, alarm in found.items() if kind not in state.ringing]
    over = [kind for kind in state.ringing if kind not in found and kind not in unknown]
    for alarm in begun:
        state.ringing[alarm.kind] = {"since": now().isoformat(), **asdict(alarm)}
        state.unsent.append(_unsent(_rings(alarm), settings))
    for kind in over:
        state.unsent.append(_unsent(_is_over(state.ringing.pop(kind)), settings))
    state.unsent = [each for each in state.unsent if each["channels"]]
    _save(file, state)  # before sending: killed in between, it is sent by the next look, under the same id
    unsent = [*_send(state, settings), *_save(file, state)]
    ringing = [found.get(kind) or Alarm(kind, told["text_vi"], told["text_en"]) for kind, told in state.ringing.items()]
    return Look(tuple(ringing), tuple(begun), tuple(over), tuple(unsent))


def lock_of(settings: Settings) -> Path:
    """The file that a watcher locks."""
    return settings.home / ".watch.lock"


def _alarms(settings: Settings) -> tuple[list[Alarm], Sequence[str]]:
    """What is wrong now, and the kinds of which that cannot be told."""
    alarms = [alarm] if (alarm := _scheduler_dead(settings)) else []
    try:
        url = settings.warehouse_url or Server(settings.home, settings.pg_bin).url()  # it is not ours to start
        psycopg.connect(url, connect_timeout=10).close()
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                has_messages = connection.scalar(sa.text("select to_regclass('ops.notification') is not null"))
            if has_messages:
                send_due(engine, settings)
            with engine.connect() as connection:
                connection.execute(sa.text("set statement_timeout = '30s'"))
                return [*alarms, *_Warehouse(connection, settings).alarms()], ()
        finally:
            engine.dispose()
    except (psycopg.Error, sa.exc.SQLAlchemyError, ServerError, OSError) as error:
        unreachable = Alarm(
            "warehouse_unreachable",
            f"Không kết nối được với kho dữ liệu ({type(error).__name__}).",
            f"The warehouse cannot be reached ({type(error).__name__}).",
        )
        return [*alarms, unreachable], FROM_WAREHOUSE


def _scheduler_dead(settings: Settings) -> Alarm | None:
    """Asks the API server for the heartbeats; of the home's own stack also whether the processes live."""
    airflow = Airflow(settings)
    try:
        if settings.airflow_url:
            client = AirflowClient(settings.airflow_url, "", "")
        elif airflow.folder.exists():
            client = airflow.client()
        else:
            return None  # nights without a scheduler; the hour of publication is watched all the same
        health = client.health()
        ill = [f"{name}: {health.get(name) or 'not running'}" for name in HEALTHY if health.get(name) != "healthy"]
        if not settings.airflow_url:
            gone = set(COMPONENTS) - airflow.processes().keys()
            ill += [f"{name}: no process" for name in sorted(gone)]
    except (AirflowApiError, AirflowError, OSError, ValueError) as error:
        ill = [f"{type(error).__name__}"]
    if not ill:
        return None
    return Alarm(
        "scheduler_dead",
        f"Bộ lập lịch Airflow không hoạt động ({'; '.join(ill)}).",
        f"Airflow's scheduler is not working ({'; '.join(ill)}).",
    )


def _latest(hour: time, instant: datetime) -> datetime:
    """The last time before this instant that a clock of its time zone showed this hour."""
    today = instant.replace(hour=hour.hour, minute=hour.minute, second=hour.second, microsecond=0)
    return today if today < instant else today - timedelta(days=1)


# -- telling ---------------------------------------------------------------------------------------------------------

TITLES = {
    "not_published": ("CHƯA công bố đúng giờ", "NOT published in time"),
    "scheduler_dead": ("Bộ lập lịch đã dừng", "The scheduler is dead"),
    "warehouse_unreachable": ("Kho dữ liệu không truy cập được", "The warehouse cannot be reached"),
    "alert_lost": ("Thông báo không gửi được", "Messages are not delivered"),
    "night_hangs": ("Đợt chạy bị treo", "A night hangs"),
}


def _rings(alarm: Alarm) -> Message:
    title_vi, title_en = TITLES[alarm.kind]
    return Message(alarm.kind, f"BÁO ĐỘNG: {title_vi}", f"ALARM: {title_en}", alarm.text_vi, alarm.text_en)


def _is_over(told: dict[str, str]) -> Message:
    title_vi, title_en = TITLES[told["kind"]]
    since = f"{datetime.fromisoformat(told['since']):%Y-%m-%d %H:%M %Z}"
    return Message(
        told["kind"],
        f"Đã hết: {title_vi}",
        f"Over: {title_en}",
        f"Báo động từ {since} đã hết.",
        f"The alarm of {since} is over.",
    )


def _unsent(message: Message, settings: Settings) -> dict[str, Any]:
    content = asdict(message) | {
        "notification_id": str(message.notification_id),
        "created_at": message.created_at.isoformat(),
    }
    return {"message": content, "channels": list(channels(settings))}


def _send(state: _State, settings: Settings) -> list[str]:
    """Send what waits; gives what could not be sent, by channel. A channel that fails is left alone for this look."""
    failed: dict[str, str] = {}
    known = channels(settings)
    for waiting in state.unsent:
        content = waiting["message"]
        message = Message(
            **content
            | {
                "notification_id": UUID(content["notification_id"]),
                "created_at": datetime.fromisoformat(content["created_at"]),
            }
        )
        for name in list(waiting["channels"]):
            if name in failed:
                continue
            try:
                if name in known:
                    known[name](message, settings)
                waiting["channels"].remove(name)
            except NotDeliveredError as error:
                failed[name] = str(error)
    state.unsent = [each for each in state.unsent if each["channels"]]
    return [f"{name}: {why}" for name, why in failed.items()]


def _read(file: Path) -> _State:
    """What was remembered; nothing where the file is gone or damaged, for ringing twice is better than not at all."""
    try:
        return _State(**json.loads(file.read_text()))
    except FileNotFoundError:
        return _State()
    except (ValueError, TypeError) as error:
        log.error("%s cannot be read, what rings is told again: %s", file, error)
        return _State()


def _save(file: Path, state: _State) -> list[str]:
    """Remember for the next look; gives why not, as on a full disk: that must not keep an alarm from being sent."""
    try:
        write_private(file, json.dumps(asdict(state), ensure_ascii=False))
    except OSError as error:
        return [f"{file.name}: {error.strerror}"]
    return []
