"""Messages to those who run the warehouse, by mail and webhook: what was published, refused, rejected, and who is late.

A message is written to `ops.notification` in the transaction of what it tells (`write`) and sent afterwards
(`send_due`), by whichever night or watcher comes next: a kill in between loses nothing. It arrives at least once,
always under the same id. It names senders, tables and rules; never a person, a file's name or a cell's value.
"""

import json
import logging
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ingestion.ops import Finding, Notification, NotificationDelivery, NotifiedFact, Submission, now
from ingestion.settings import MESSAGES_LIVE, Settings

log = logging.getLogger(__name__)

KINDS = (
    "published", "publication_refused", "step_failed", "deadline_missed", "reports_rejected", "reports_overdue",
)  # fmt: skip
_LONGEST_PAUSE = timedelta(hours=1)
_SECONDS = 10  # that a server may keep us waiting
_LINES = 40  # most lines of a list in a message


class NotDeliveredError(Exception):
    """A channel did not take a message; says why, without addresses or passwords."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is told, in Vietnamese and English, with a list in neither. `kind` names its page of the runbook."""

    kind: str
    title_vi: str
    title_en: str
    text_vi: str
    text_en: str
    details: str = ""
    night_id: str = ""
    notification_id: UUID = field(default_factory=uuid4)
    created_at: datetime = field(default_factory=now)


# -- writing ---------------------------------------------------------------------------------------------------------


def write(connection: sa.Connection, message: Message, settings: Settings, facts: Iterable[str]) -> bool:
    """Write a message in the open transaction, to be sent after it; False if all of its facts were told before."""
    rows = [{"fact": fact, "notification_id": message.notification_id} for fact in sorted(set(facts))]
    connection.execute(sa.insert(Notification).values(**asdict(message)))
    told = connection.execute(
        insert(NotifiedFact).on_conflict_do_nothing().returning(NotifiedFact.fact), rows
    ).all()  # fmt: skip
    if not told:
        connection.execute(
            sa.delete(Notification).where(Notification.notification_id == message.notification_id)
        )  # fmt: skip
        return False
    deliveries = [{"notification_id": message.notification_id, "channel": name} for name in channels(settings)]
    if deliveries:
        connection.execute(sa.insert(NotificationDelivery), deliveries)
    return True


def published(night_id: str, changes: Mapping[str, Any]) -> Message:
    """A night was published; `changes` gives the `TableChange` of each table."""
    changed = {name: each for name, each in changes.items() if each.rows_added or each.rows_removed}
    rows = sum(each.rows_added + each.rows_removed for each in changed.values())
    return Message(
        "published",
        f"Đã công bố: {len(changed)} bảng thay đổi" if changed else "Đã công bố: không có gì thay đổi",
        f"Published: {len(changed)} tables changed" if changed else "Published: nothing changed",
        f"Đợt {night_id}: đã so {len(changes)} bảng, {rows} dòng thêm vào (+) hoặc bỏ đi (−).",
        f"Night {night_id}: {len(changes)} tables compared, {rows} rows added (+) or removed (−).",
        _listed([f"{name}: +{each.rows_added} −{each.rows_removed}" for name, each in sorted(changed.items())]),
        night_id,
    )


def refused(night_id: str, reasons: Sequence[str]) -> Message:
    """Nothing was published, because a test failed or the books don't balance."""
    return Message(
        "publication_refused",
        "KHÔNG công bố: số liệu không qua được kiểm tra",
        "NOT published: the data did not pass the checks",
        f"Đợt {night_id} bị từ chối; số liệu đã công bố trước đó vẫn nguyên vẹn. Lý do ở dưới.",
        f"Night {night_id} was refused; what was published before is whole. The reasons are listed.",
        _listed(reasons),
        night_id,
    )


def failed(night_id: str, step: str, subject: str, error: BaseException) -> Message:
    """A step failed for a reason of ours. The error's own words stay in `ops.step_outcome`: they may quote a row."""
    name = f"{step} {subject}".strip()
    return Message(
        "step_failed",
        f"Bước “{name}” bị lỗi",
        f"Step “{name}” failed",
        f"Đợt {night_id}: bước “{name}” dừng vì {type(error).__name__}. Chi tiết: bảng ops.step_outcome.",
        f"Night {night_id}: step “{name}” ended with {type(error).__name__}. Details: table ops.step_outcome.",
        night_id=night_id,
    )


def deadline_missed(dag_id: str, run_id: str, minutes: float) -> Message:
    """A run of a DAG has not ended so long after it was asked for."""
    return Message(
        "deadline_missed",
        f"{dag_id} chưa xong đúng hạn",
        f"{dag_id} has not ended in time",
        f"Lượt chạy {run_id} chưa kết thúc sau {minutes:g} phút.",
        f"Run {run_id} has not ended after {minutes:g} minutes.",
    )


def write_rejected(connection: sa.Connection, settings: Settings, night_id: str) -> int:
    """Write a message for each sender of whom reports were rejected since the last one; gives how many."""
    judged = sa.func.coalesce(Submission.judged_at, Submission.received_at)
    fact = sa.func.concat_ws(" ", "rejected", Submission.submission_id, sa.extract("epoch", judged))
    rules = sa.func.coalesce(sa.func.string_agg(sa.distinct(Finding.rule), ", "), "")
    rows = connection.execute(
        sa.select(
            *(Submission.sender_code, Submission.submission_id, Submission.dataset, Submission.period_code),
            fact.label("fact"),
            rules.label("rules"),
        )
        .outerjoin(Finding, sa.and_(Finding.submission_id == Submission.submission_id, Finding.severity == "reject"))
        .where(Submission.status_code == "rejected", ~sa.exists().where(NotifiedFact.fact == fact))
        .group_by(Submission.submission_id)
        .order_by(Submission.sender_code, Submission.submission_id)
    ).mappings()
    by_sender: dict[str, list[sa.RowMapping]] = {}
    for row in rows:
        by_sender.setdefault(row["sender_code"], []).append(row)
    for sender, rejected in by_sender.items():
        lines = [
            f"{row['dataset'] or '?'} {row['period_code']} (submission {row['submission_id']}): {row['rules']}"
            for row in rejected
        ]
        message = Message(
            "reports_rejected",
            f"{sender}: {len(rejected)} báo cáo bị trả lại",
            f"{sender}: {len(rejected)} reports rejected",
            f"{len(rejected)} báo cáo của {sender} bị trả lại, theo các quy tắc dưới đây.",
            f"{len(rejected)} reports of {sender} were rejected, by the rules listed.",
            _listed(lines),
            night_id,
        )
        write(connection, message, settings, [row["fact"] for row in rejected])
    return len(by_sender)


def write_overdue(
    connection: sa.Connection, settings: Settings, night_id: str, reports: Sequence[Mapping[str, Any]]
) -> int:
    """Write one message if some of these overdue reports are newly so; gives how many are. What is overdue no more is
    forgotten, so that it can be told again."""
    facts = {
        "overdue {sender_code} {dataset} {period_code} {standard_code}".format_map(report): report
        for report in reports
    }  # fmt: skip
    told = set(
        connection.scalars(sa.select(NotifiedFact.fact).where(NotifiedFact.fact.startswith("overdue ")))
    )  # fmt: skip
    if gone := told - facts.keys():
        connection.execute(sa.delete(NotifiedFact).where(NotifiedFact.fact.in_(gone)))
    if not (new := facts.keys() - told):
        return 0
    counts: dict[str, int] = {}
    for fact in sorted(new):
        counts[facts[fact]["sender_code"]] = counts.get(facts[fact]["sender_code"], 0) + 1
    lines = [f"{sender}: {count}" for sender, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]
    message = Message(
        "reports_overdue",
        f"{len(counts)} đơn vị quá hạn {len(new)} báo cáo",
        f"{len(counts)} senders are late with {len(new)} reports",
        f"Mới quá hạn: {len(new)} báo cáo; tổng cộng đang quá hạn: {len(facts)}. Xem `chungtay overdue`.",
        f"Newly overdue: {len(new)} reports; overdue in all: {len(facts)}. See `chungtay overdue`.",
        _listed(lines),
        night_id,
    )
    write(connection, message, settings, new)
    return len(new)


def _listed(lines: Sequence[str]) -> str:
    more = [f"… (+{len(lines) - _LINES})"] if len(lines) > _LINES else []
    return "\n".join(f"- {line}" for line in [*lines[:_LINES], *more])


# -- sending ---------------------------------------------------------------------------------------------------------


def channels(settings: Settings) -> dict[str, Callable[[Message, Settings], None]]:
    """The channels that are set, each with what sends a message on it or raises NotDeliveredError."""
    senders = {"mail": _mail, "webhook": _post}
    return {name: senders[name] for name in settings.channels}


def send_due(engine: sa.Engine, settings: Settings) -> dict[str, int]:
    """Try every delivery that is due; gives how many were delivered and how many failed. Raises nothing of a channel's.

    A channel that fails is left alone for this time, so that a server that is down costs one wait and no more.
    """
    counts = {"delivered": 0, "failed": 0}
    for name, send in channels(settings).items():
        while (delivered := _send_one(engine, settings, name, send)) is not None:
            counts["delivered" if delivered else "failed"] += 1
            if not delivered:
                break
    return counts


def _send_one(
    engine: sa.Engine, settings: Settings, channel: str, send: Callable[[Message, Settings], None]
) -> bool | None:
    """Try the oldest delivery due on this channel; None if there is none that nobody else is sending."""
    delivery = NotificationDelivery
    with engine.begin() as connection:
        found = (
            connection.execute(
                sa.select(*Notification.__table__.columns, delivery.attempt_count)
                .join(delivery, delivery.notification_id == Notification.notification_id)
                .where(
                    delivery.channel == channel,
                    delivery.delivered_at.is_(None),
                    delivery.next_attempt_at <= now(),
                    Notification.created_at > now() - MESSAGES_LIVE,
                )
                .order_by(Notification.created_at)
                .limit(1)
                .with_for_update(of=delivery, skip_locked=True)
            )
            .mappings()
            .one_or_none()
        )
        if found is None:
            return None
        attempts: int = found["attempt_count"]
        message = Message(**{name: value for name, value in found.items() if name != "attempt_count"})
        outcome: dict[str, Any] = {"attempt_count": attempts + 1}
        try:
            send(message, settings)
        except NotDeliveredError as error:
            log.error("%s was not delivered by %s: %s", message.notification_id, channel, error)
            pause = min(timedelta(minutes=2 ** min(attempts, 10)), _LONGEST_PAUSE)
            outcome |= {"last_error": str(error), "next_attempt_at": now() + pause}
        else:
            outcome |= {"last_error": "", "delivered_at": now()}
        connection.execute(
            sa.update(delivery)
            .where(delivery.notification_id == message.notification_id, delivery.channel == channel)
            .values(**outcome)
        )
        return "delivered_at" in outcome


def runbook_page(kind: str, settings: Settings) -> str:
    """Link to the page of the runbook."""
    return f"{settings.runbook_url.rstrip('/')}/{kind}.md"


def _mail(message: Message, settings: Settings) -> None:
    address = urlsplit(settings.smtp_url.get_secret_value() if settings.smtp_url else "")
    recipients = [each.strip() for each in (settings.alert_to or "").split(",") if each.strip()]
    mail = EmailMessage()
    mail["Subject"] = f"[Chung Tay] {message.title_vi} / {message.title_en}"
    mail["From"] = sender = settings.alert_from or recipients[0]
    mail["To"] = ", ".join(recipients)
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.notification_id}@{sender.rpartition('@')[2] or 'chungtay'}>"
    mail.set_content(
        f"{message.text_vi}\n\n{message.text_en}\n\n{message.details}\n\n"
        f"Hướng dẫn xử lý / What to do: {runbook_page(message.kind, settings)}\n"
    )
    context = ssl.create_default_context()
    try:
        host, port = address.hostname or "localhost", address.port or 0
        with (
            smtplib.SMTP_SSL(host, port or 465, timeout=_SECONDS, context=context)
            if address.scheme == "smtps"
            else smtplib.SMTP(host, port or 25, timeout=_SECONDS)
        ) as server:
            server.ehlo_or_helo_if_needed()
            is_private = address.scheme == "smtps"
            if not is_private and server.has_extn("starttls"):
                server.starttls(context=context)
                is_private = True
            if address.username:
                if not is_private:
                    raise NotDeliveredError("the mail server offers no TLS; the password is not sent in the clear")
                server.login(unquote(address.username), unquote(address.password or ""))
            if refused_recipients := server.send_message(mail, sender, recipients):
                # Some have it: sending again would repeat it to them, so it is told and not tried again.
                log.error("the mail server refused %d of %d recipients", len(refused_recipients), len(recipients))
    except (OSError, smtplib.SMTPException, ValueError) as error:
        code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
        raise NotDeliveredError(f"{type(error).__name__}{code}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET without the message: it counts as refused."""

    def redirect_request(self, *_: object) -> None:
        return None


def _post(message: Message, settings: Settings) -> None:
    url = settings.webhook_url.get_secret_value() if settings.webhook_url else ""
    content = {name: str(value) for name, value in asdict(message).items()}
    content |= {"created_at": message.created_at.isoformat(), "runbook": runbook_page(message.kind, settings)}
    headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": str(message.notification_id)}
    body = json.dumps(content, ensure_ascii=False).encode()
    try:
        if urlsplit(url).scheme not in ("http", "https"):
            raise NotDeliveredError("the webhook's address is neither http nor https")
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - checked above
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_SECONDS) as answer:
            answer.read(1)
    except urllib.error.HTTPError as error:
        raise NotDeliveredError(f"the webhook answered {error.code}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotDeliveredError(f"{type(reason).__name__}") from error


# -- looking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A delivery that failed or waits."""

    notification_id: UUID
    kind: str
    channel: str
    created_at: datetime
    attempt_count: int
    last_error: str


def undelivered(connection: sa.Connection, before: datetime | None = None) -> list[Undelivered]:
    """Messages that did not arrive and are still tried, oldest first; only those written before this instant."""
    delivery = NotificationDelivery
    rows = connection.execute(
        sa.select(
            Notification.notification_id, Notification.kind, delivery.channel, Notification.created_at,
            delivery.attempt_count, delivery.last_error,
        )
        .join(delivery, delivery.notification_id == Notification.notification_id)
        .where(
            delivery.delivered_at.is_(None),
            Notification.created_at > now() - MESSAGES_LIVE,
            Notification.created_at <= (before or now()),
        )
        .order_by(Notification.created_at, delivery.channel)
    )  # fmt: skip
    return [Undelivered(*row) for row in rows]
