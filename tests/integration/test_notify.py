"""Messages reach a real mail server and a real webhook: once per id, whatever is down, refuses or is killed between."""

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from receivers import MailServer, Webhook, serving

from dbt_project.build import BuildError, NodeResult
from ingestion import notify, pipeline
from ingestion.history import TableChange
from ingestion.local.postgres import free_port
from ingestion.relation import PublicationRefusedError
from ingestion.settings import PROJECT_DIR, Settings, get_settings
from ingestion.warehouse import create_engine, prepare

Database = psycopg.Connection[tuple[Any, ...]]
CHANGES = {"fct_support": TableChange(10, 11, 1, 2), "dim_task": TableChange(3, 3, 0, 0)}


@pytest.fixture(scope="module")
def prepared(warehouse_url: str) -> str:
    prepare(warehouse_url)
    return warehouse_url


@pytest.fixture
def db(prepared: str) -> Iterator[Database]:
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute("truncate ops.notification cascade")
        connection.execute("truncate ops.step_outcome, ops.submission cascade")
        yield connection


@pytest.fixture
def engine(prepared: str) -> Iterator[sa.Engine]:
    made = create_engine(prepared)
    yield made
    made.dispose()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with serving(MailServer()) as server:
        yield server


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with serving(Webhook()) as server:
        yield server


@pytest.fixture
def settings(mail: MailServer, webhook: Webhook, prepared: str, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        smtp_url=SecretStr(mail.url),
        webhook_url=SecretStr(webhook.url),
        alert_to="ops@example.vn, chief@example.vn",
        alert_from="chungtay@example.vn",
        runbook_url="https://example.vn/runbook/",
        warehouse_url=prepared,
    )


def tell(engine: sa.Engine, settings: Settings, night_id: str = "n1") -> str:
    message = notify.published(night_id, CHANGES)
    with engine.begin() as connection:
        notify.write(connection, message, settings, [f"published {night_id}"])
    return str(message.notification_id)


def make_due(db: Database) -> None:
    db.execute("update ops.notification_delivery set next_attempt_at = now()")


def deliveries(db: Database) -> list[tuple[Any, ...]]:
    return db.execute(
        "select channel, attempt_count, last_error, delivered_at is not null from ops.notification_delivery"
        " order by channel"
    ).fetchall()


def test_a_message_arrives_by_mail_and_webhook_once(
    db: Database, engine: sa.Engine, settings: Settings, mail: MailServer, webhook: Webhook
) -> None:
    told = tell(engine, settings)
    tell(engine, settings)  # publishing was run again: the same fact is not told twice
    assert notify.send_due(engine, settings) == {"delivered": 2, "failed": 0}
    assert notify.send_due(engine, settings) == {"delivered": 0, "failed": 0}
    [arrived] = mail.mails
    assert arrived["Message-ID"] == f"<{told}@example.vn>"
    assert arrived["To"] == "ops@example.vn, chief@example.vn"
    assert arrived["Subject"] == "[Chung Tay] Đã công bố: 1 bảng thay đổi / Published: 1 tables changed"
    text = arrived.get_content()
    assert text.index("Đợt n1") < text.index("Night n1") < text.index("- fct_support: +2 −1")
    assert "dim_task" not in text
    assert text.rstrip().endswith("https://example.vn/runbook/published.md")
    [post] = webhook.posts
    assert post["notification_id"] == told
    assert post["kind"] == "published"
    assert post["runbook"] == "https://example.vn/runbook/published.md"
    assert deliveries(db) == [("mail", 1, "", True), ("webhook", 1, "", True)]


def test_what_is_refused_is_tried_again_later_and_the_other_channel_goes_on(
    db: Database, engine: sa.Engine, settings: Settings, mail: MailServer, webhook: Webhook
) -> None:
    mail.refusing = 451
    tell(engine, settings)
    tell(engine, settings, "n2")
    assert notify.send_due(engine, settings) == {"delivered": 2, "failed": 1}  # one wait for mail, not two
    assert len(webhook.posts) == 2
    assert ("mail", 1, "SMTPDataError 451", False) in deliveries(db)
    with engine.connect() as connection:
        assert [(each.channel, each.attempt_count) for each in notify.undelivered(connection)] == [
            ("mail", 1),
            ("mail", 0),
        ]
    mail.refusing = None
    assert notify.send_due(engine, settings)["delivered"] == 1  # the first is not due yet
    make_due(db)
    notify.send_due(engine, settings)
    assert len({each["Message-ID"] for each in mail.mails}) == len(mail.mails) == 2
    assert len(webhook.posts) == 2


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_does_not_take_it_is_no_delivery(
    db: Database, engine: sa.Engine, settings: Settings, webhook: Webhook, status: int
) -> None:
    webhook.status = status
    tell(engine, settings)
    assert notify.send_due(engine, settings) == {"delivered": 1, "failed": 1}
    assert ("webhook", 1, f"the webhook answered {status}", False) in deliveries(db)


def test_servers_that_are_down_stop_nothing_and_pauses_grow(
    db: Database, engine: sa.Engine, settings: Settings
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    away = settings.model_copy(
        update={"smtp_url": SecretStr(f"smtp://{nobody}"), "webhook_url": SecretStr(f"http://{nobody}")}
    )
    tell(engine, away)
    pauses = []
    for _ in range(9):
        make_due(db)
        assert notify.send_due(engine, away) == {"delivered": 0, "failed": 2}
        row = db.execute("select max(next_attempt_at) - now() from ops.notification_delivery").fetchone()
        assert row is not None
        pauses.append(round(row[0].total_seconds() / 60))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert {(count, error) for _, count, error, _ in deliveries(db)} == {(9, "ConnectionRefusedError")}
    make_due(db)
    assert notify.send_due(engine, settings)["delivered"] == 2  # they are back


def test_killed_between_commit_and_sending_it_is_sent_by_the_next_run_under_its_id(
    db: Database, engine: sa.Engine, settings: Settings, mail: MailServer, webhook: Webhook
) -> None:
    """The webhook has the message and does not answer; the sender dies; the next one sends it again, the same."""
    told = tell(engine, settings)
    webhook.hold.clear()
    code = (
        "from ingestion import pipeline; pipeline.send_messages('n1')"  # mail goes first, then the webhook
    )  # fmt: skip
    environment = os.environ | {
        "PYTHONPATH": str(PROJECT_DIR), "CHUNGTAY_HOME": str(settings.home), "CHUNGTAY_SMTP_URL": mail.url,
        "CHUNGTAY_WEBHOOK_URL": webhook.url, "CHUNGTAY_ALERT_TO": "ops@example.vn",
        "CHUNGTAY_WAREHOUSE_URL": settings.warehouse_url or "",
    }  # fmt: skip
    sender = subprocess.Popen([sys.executable, "-c", code], env=environment)
    assert webhook.arrived.wait(30)
    assert notify.send_due(engine, settings) == {"delivered": 0, "failed": 0}  # it is being sent by the other
    sender.send_signal(signal.SIGKILL)
    sender.wait(10)
    webhook.hold.set()
    for _ in range(100):  # the server notices the end of the dead one's transaction
        if notify.send_due(engine, settings)["delivered"]:
            break
        db.execute("select pg_sleep(0.05)")
    assert webhook.ids == [told, told]
    assert len(mail.mails) == 1
    assert all(delivered for *_, delivered in deliveries(db))


def test_what_is_rolled_back_is_never_told(db: Database, engine: sa.Engine, settings: Settings) -> None:
    with engine.connect() as connection:
        notify.write(connection, notify.published("n1", CHANGES), settings, ["published n1"])
        connection.rollback()
    assert notify.send_due(engine, settings) == {"delivered": 0, "failed": 0}


def test_without_a_channel_nothing_is_sent_and_mail_needs_somebody_to_go_to(
    db: Database, engine: sa.Engine, tmp_path: Path, mail: MailServer
) -> None:
    silent = Settings(home=tmp_path)
    tell(engine, silent)
    assert notify.send_due(engine, silent) == {"delivered": 0, "failed": 0}
    assert deliveries(db) == []
    with pytest.raises(ValueError, match="CHUNGTAY_ALERT_TO"):
        Settings(home=tmp_path, smtp_url=SecretStr(mail.url))


def test_after_a_week_a_message_is_left_as_it_is(
    db: Database, engine: sa.Engine, settings: Settings, webhook: Webhook
) -> None:
    tell(engine, settings)
    db.execute("update ops.notification set created_at = now() - interval '8 days'")
    assert notify.send_due(engine, settings) == {"delivered": 0, "failed": 0}
    with engine.connect() as connection:
        assert notify.undelivered(connection) == []


def test_a_password_goes_over_tls_only(
    db: Database, engine: sa.Engine, settings: Settings, mail: MailServer, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    address = mail.url.replace("smtp://", "smtp://user:p%40ss@")
    secret = Settings(home=tmp_path, smtp_url=SecretStr(address), alert_to="ops@example.vn")
    tell(engine, secret)
    notify.send_due(engine, secret)
    assert mail.logins == []
    assert [error for *_, error, _ in deliveries(db)] == [
        "the mail server offers no TLS; the password is not sent in the clear"
    ]
    mail.tls = context_for_localhost(tmp_path)
    make_due(db)
    notify.send_due(engine, secret)
    assert mail.mails == []  # a certificate that nobody vouches for
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    make_due(db)
    notify.send_due(engine, secret)
    assert mail.was_private == [True]
    assert len(mail.logins) == 1


def context_for_localhost(folder: Path) -> ssl.SSLContext:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1)).not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    encoding = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(encoding))
    (folder / "key.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


# -- what a night tells ----------------------------------------------------------------------------------------------


@pytest.fixture
def night(settings: Settings, mail: MailServer, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    """The settings as the environment, for the steps of a night; gives the webhook that hears of it."""
    monkeypatch.setenv("CHUNGTAY_HOME", str(settings.home))
    monkeypatch.setenv("CHUNGTAY_WAREHOUSE_URL", settings.warehouse_url or "")
    monkeypatch.setenv("CHUNGTAY_WEBHOOK_URL", webhook.url)
    get_settings.cache_clear()
    yield webhook
    get_settings.cache_clear()


def test_a_step_that_fails_is_told_once_and_without_its_words(db: Database, night: Webhook) -> None:
    for _ in range(2):  # a retry that fails again
        with pytest.raises(ValueError), pipeline._step("n1", "receive", "huyen-220"):
            raise ValueError("invalid input: Dương Thị Nga")
    pipeline.send_messages("n1")
    [post] = night.posts
    assert post["kind"] == "step_failed"
    assert "receive huyen-220" in post["title_vi"]
    assert "Dương" not in str(post)


@pytest.mark.parametrize(
    ("step", "error", "reason"),
    [
        ("publish", PublicationRefusedError("fct_support: amount_vnd is 5, accepted were 6"), "- fct_support: amount"),
        (
            "build",
            BuildError("marts", [NodeResult("sums_agree", "test", "fail", 0, 0.1, "got 'Dương Thị Nga'")]),
            "- test sums_agree",
        ),
    ],
)
def test_a_publication_refused_is_told_with_the_reasons(
    db: Database, night: Webhook, step: str, error: Exception, reason: str
) -> None:
    with pytest.raises(type(error)), pipeline._step("n1", step):
        raise error
    pipeline.send_messages("n1")
    [post] = night.posts
    assert post["kind"] == "publication_refused"
    assert post["details"].startswith(reason)
    assert "Dương" not in str(post)


def test_rejected_reports_are_told_by_sender_and_again_when_judged_again(
    db: Database, engine: sa.Engine, settings: Settings, webhook: Webhook
) -> None:
    for sender, file in (("huyen-220", "ho Nga.xlsx"), ("huyen-220", "b.xlsx"), ("huyen-223", "c.xlsx")):
        db.execute(
            "with s as (insert into ops.submission (sender_code, dataset, period_code, period_end, sha256, file_name,"
            " received_at, status_code, row_count, code_version) values (%s, 'commune_profile', '2023', '2023-12-31',"
            " %s, %s, '2024-01-05', 'rejected', 1, 'test') returning submission_id)"
            " insert into ops.finding (submission_id, found_by, rule, severity, value, message_vi, message_en)"
            " select submission_id, 'read', 'wrong_period', 'reject', 'Dương Thị Nga', '', '' from s",
            [sender, file, file],
        )

    def told(night_id: str) -> list[str]:
        webhook.posts.clear()
        with engine.begin() as connection:
            notify.write_rejected(connection, settings, night_id)
        notify.send_due(engine, settings)
        assert "Nga" not in str(webhook.posts)
        return [f"{post['title_en']}: {post['details']}" for post in webhook.posts]

    first = told("n1")
    assert [each.split(" (")[0] for each in first] == [
        "huyen-220: 2 reports rejected: - commune_profile 2023",
        "huyen-223: 1 reports rejected: - commune_profile 2023",
    ]
    assert all(each.endswith("): wrong_period") for each in first)
    assert told("n2") == []
    db.execute("update ops.submission set judged_at = now() where sender_code = 'huyen-223'")
    assert len(told("n3")) == 1


def test_overdue_reports_are_told_when_they_become_so(
    db: Database, engine: sa.Engine, settings: Settings, webhook: Webhook
) -> None:
    def told(*overdue: tuple[str, str]) -> tuple[int, list[str]]:
        reports = [
            {"sender_code": sender, "dataset": "credit_loan", "period_code": period, "standard_code": ""}
            for sender, period in overdue
        ]
        webhook.posts.clear()
        with engine.begin() as connection:
            count = notify.write_overdue(connection, settings, "n1", reports)
        notify.send_due(engine, settings)
        return count, [f"{post['title_en']}\n{post['details']}" for post in webhook.posts]

    one, two, other = ("xa-1", "2023-Q1"), ("xa-1", "2023-Q2"), ("xa-2", "2023-Q1")
    assert told(one, two) == (2, ["1 senders are late with 2 reports\n- xa-1: 2"])
    assert told(one, two) == (0, [])
    assert told(one, two, other) == (1, ["1 senders are late with 1 reports\n- xa-2: 1"])
    assert told(two, other) == (0, [])  # one has come
    assert told(one, two, other) == (1, ["1 senders are late with 1 reports\n- xa-1: 1"])  # and was refused after all
    [long] = told(*[(f"xa-{number:03}", "2024") for number in range(100)])[1]
    assert long.count("\n") == 41
    assert long.endswith("- … (+60)")


def test_a_warehouse_that_is_away_fails_no_night(night: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHUNGTAY_WAREHOUSE_URL", f"postgresql://x@127.0.0.1:{free_port()}/x")
    get_settings.cache_clear()
    assert pipeline.notify("n1") == {}
