"""The control tables (schema `ops`, and what the reader notes beside the rows of `raw`): what came, what became of it.

The tables are made by Alembic (`ingestion/migrations`); this module is their one description in Python.
"""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Text,
    false,
    func,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SUBMISSION_STATUSES = ("received", "rejected", "accepted", "accepted_with_findings", "superseded", "duplicate")
IN_FORCE_STATUSES = ("accepted", "accepted_with_findings")
VERDICTS = ("rejected", *IN_FORCE_STATUSES)
CHANNELS = ("mail", "webhook")


def now() -> datetime:
    """The current instant, in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Tables of schema `ops`."""

    metadata = MetaData(
        schema="ops",
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "ix": "%(table_name)s_%(column_0_name)s_idx",
            "uq": "%(table_name)s_%(column_0_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        },
    )


class Submission(Base):
    """One row per report found in a received file; one also for a file in which no report was recognised."""

    __tablename__ = "submission"

    submission_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    sender_code: Mapped[str] = mapped_column(Text)
    dataset: Mapped[str | None] = mapped_column(Text, comment="Null where no data set was recognised.")
    period_code: Mapped[str] = mapped_column(Text, comment="SDMX code, as the receiving folder says.")
    period_end: Mapped[date | None] = mapped_column(Date, comment="Last day of the period; null if impossible.")
    standard_code: Mapped[str] = mapped_column(
        Text, server_default="", comment="Poverty standard of a review; '' where none enters."
    )
    revision: Mapped[int | None] = mapped_column(
        Integer, comment="1, 2, … within sender, data set, period and standard; null if nothing was loaded."
    )
    sha256: Mapped[str] = mapped_column(Text, index=True)
    file_name: Mapped[str] = mapped_column(Text)
    sheet_name: Mapped[str] = mapped_column(Text, server_default="", comment="Several sheets are joined by ' | '.")
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    judged_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    status_code: Mapped[str] = mapped_column(Text)
    duplicate_of: Mapped[int | None] = mapped_column(ForeignKey("ops.submission.submission_id"))
    row_count: Mapped[int] = mapped_column(
        Integer, server_default="0", comment="Data rows: no heading, section, subtotal or total."
    )
    held_row_count: Mapped[int] = mapped_column(Integer, server_default="0")
    other_row_count: Mapped[int] = mapped_column(
        Integer, server_default="0", comment="Filled rows of its sheets that are no data: headings, sums, notes."
    )
    content_sha256: Mapped[str | None] = mapped_column(
        Text, comment="Of what was read, whatever the bytes: two reports alike in it say the same."
    )
    layout: Mapped[str] = mapped_column(Text, server_default="", comment="Layout of the contract; '' for its own.")
    verdict_code: Mapped[str | None] = mapped_column(
        Text, comment="What the gate decided last; status_code says besides whether a later revision counts instead."
    )
    judge_again: Mapped[bool] = mapped_column(
        Boolean, server_default=false(), comment="Something that its rules compare it with has changed since."
    )
    answered_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="When the sender's answer was last written, after judged_at or received_at."
    )
    contract_version: Mapped[str | None] = mapped_column(Text)
    code_version: Mapped[str] = mapped_column(Text)
    refused_under: Mapped[str | None] = mapped_column(
        Text, comment="Code and limits that twice found the file unreadable: it is read again only under others."
    )

    __table_args__ = (
        CheckConstraint(f"status_code in {SUBMISSION_STATUSES}", name="status_code"),
        CheckConstraint(f"verdict_code in {VERDICTS}", name="verdict_code"),
        CheckConstraint("(status_code = 'duplicate') = (duplicate_of is not null)", name="duplicate_of"),
        # What was loaded is loaded once, whoever receives at the same time.
        Index(
            "submission_report_key",
            "sender_code",
            "period_code",
            "sha256",
            "dataset",
            "sheet_name",
            unique=True,
            postgresql_where="revision is not null",
        ),
        Index(
            "submission_duplicate_key",
            "duplicate_of",
            "file_name",
            unique=True,
            postgresql_where="status_code = 'duplicate'",
        ),
        Index("submission_status_code_idx", "status_code", "dataset"),
        Index("submission_judge_again_idx", "dataset", postgresql_where="judge_again"),
    )


class Finding(Base):
    """One row per defect, placed where the sender sees it."""

    __tablename__ = "finding"

    finding_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("ops.submission.submission_id"))
    found_by: Mapped[str] = mapped_column(Text, comment="read or judge: a new judgement replaces only its own.")
    rule: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(Text)
    sheet_name: Mapped[str | None] = mapped_column(Text)
    row_number: Mapped[int | None] = mapped_column(Integer, comment="Of the sheet, as the sender sees it.")
    column_name: Mapped[str | None] = mapped_column(Text)
    cell: Mapped[str | None] = mapped_column(Text, comment="A1 address.")
    value: Mapped[str | None] = mapped_column(Text, comment="As sent.")
    message_vi: Mapped[str] = mapped_column(Text)
    message_en: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        CheckConstraint("severity in ('reject', 'critical', 'warning')", name="severity"),
        CheckConstraint("found_by in ('read', 'judge')", name="found_by"),
        Index("finding_submission_id_idx", "submission_id"),
        Index(
            "finding_held_row_idx",
            "submission_id",
            "sheet_name",
            "row_number",
            postgresql_where="severity = 'critical' and row_number is not null",
        ),
    )


class UnreadCell(Base):
    """One row per cell that could not be read: null in `raw.<data set>`, the text as sent here."""

    __tablename__ = "unread_cell"

    submission_id: Mapped[int] = mapped_column(ForeignKey("ops.submission.submission_id"), primary_key=True)
    sheet_name: Mapped[str] = mapped_column(Text, primary_key=True)
    row_number: Mapped[int] = mapped_column(Integer, primary_key=True)
    column_name: Mapped[str] = mapped_column(Text, primary_key=True)
    dataset: Mapped[str] = mapped_column(Text)
    cell: Mapped[str | None] = mapped_column(Text, comment="A1 address.")
    value: Mapped[str] = mapped_column(Text, comment="As sent.")
    rule: Mapped[str] = mapped_column(Text, comment="unreadable_cell, unknown_code, …")
    expected_vi: Mapped[str] = mapped_column(Text)
    expected_en: Mapped[str] = mapped_column(Text)

    __table_args__ = ({"schema": "raw"},)


class ColumnPosition(Base):
    """One row per column of a data set found in a sheet: where the sender put it."""

    __tablename__ = "column_position"

    submission_id: Mapped[int] = mapped_column(ForeignKey("ops.submission.submission_id"), primary_key=True)
    sheet_name: Mapped[str] = mapped_column(Text, primary_key=True)
    column_name: Mapped[str] = mapped_column(Text, primary_key=True)
    column_letter: Mapped[str] = mapped_column(Text)

    __table_args__ = ({"schema": "raw"},)


class StepOutcome(Base):
    """One row per step of a night, also when it failed, and one per report and what a step did with it."""

    __tablename__ = "step_outcome"

    step_outcome_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    night_id: Mapped[str] = mapped_column(Text, index=True, comment="The run that this step belonged to.")
    step: Mapped[str] = mapped_column(
        Text, comment="receive, judge, build, publish, …; of a report read, load, judge or answer."
    )
    subject: Mapped[str] = mapped_column(Text, server_default="", comment="Sender, data set or layer.")
    submission_id: Mapped[int | None] = mapped_column(
        BigInteger, comment="The report; null of the step as a whole, of which its seconds are a part."
    )
    status_code: Mapped[str] = mapped_column(Text)
    count_in: Mapped[int] = mapped_column(BigInteger, server_default="0")
    count_out: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seconds: Mapped[float] = mapped_column(Numeric(12, 3))
    message: Mapped[str] = mapped_column(Text, server_default="")
    finished_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)

    __table_args__ = (
        CheckConstraint("status_code in ('succeeded', 'failed', 'skipped')", name="status_code"),
        Index("step_outcome_submission_id_idx", "submission_id", postgresql_where="submission_id is not null"),
    )


class BuildNode(Base):
    """One row per model, seed or test that a night built or ran: what dbt told of it."""

    __tablename__ = "build_node"

    build_node_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    night_id: Mapped[str] = mapped_column(Text, index=True, comment="The run that this build belonged to.")
    layer: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    resource_type: Mapped[str] = mapped_column(Text, comment="model, test, seed, …")
    status_code: Mapped[str] = mapped_column(
        Text, comment="As dbt says; of a layer that failed only the nodes at fault are told."
    )
    row_count: Mapped[int | None] = mapped_column(BigInteger, comment="Rows written; null where none were counted.")
    seconds: Mapped[float] = mapped_column(Numeric(12, 3))
    finished_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), default=now, comment="When its layer was finished."
    )


class Conservation(Base):
    """One row per report loaded: rows in the file = loaded = accepted + held, and both counted a second time."""

    __tablename__ = "conservation"

    submission_id: Mapped[int] = mapped_column(ForeignKey("ops.submission.submission_id"), primary_key=True)
    rows_in_file: Mapped[int] = mapped_column(Integer)
    rows_loaded: Mapped[int] = mapped_column(Integer)
    rows_held: Mapped[int] = mapped_column(Integer)
    rows_accepted: Mapped[int] = mapped_column(Integer, Computed("rows_loaded - rows_held", persisted=True))
    filled_rows_recounted: Mapped[int | None] = mapped_column(
        Integer,
        comment="Filled rows of its sheets, counted again from the archived bytes; null if that cannot be done.",
    )
    amounts_recounted: Mapped[dict[str, str] | None] = mapped_column(
        JSONB, comment="By column in dong, added up again from the archived bytes, of those where that can be done."
    )
    not_recounted: Mapped[str | None] = mapped_column(
        Text, comment="What could not be counted again and why; '' if all was; null before there was a second count."
    )


class Publication(Base):
    """One row per publication, of a night or brought back: what changed in `mart`, in which table and period, when."""

    __tablename__ = "publication"

    publication_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    night_id: Mapped[str] = mapped_column(Text, index=True)
    published_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    code_version: Mapped[str] = mapped_column(Text)
    rows_changed: Mapped[int] = mapped_column(BigInteger)
    changes: Mapped[dict[str, dict[str, Any]]] = mapped_column(
        JSONB,
        comment="By table: rows before, after, removed and added, these by period, too; checksum of all rows after.",
    )
    restores: Mapped[int | None] = mapped_column(
        ForeignKey("ops.publication.publication_id"), comment="The publication that was brought back; null of a night."
    )
    structure: Mapped[dict[str, str] | None] = mapped_column(
        JSONB, comment="By public table and view: MD5 of its columns and key, or of its query."
    )
    rows_kept: Mapped[bool] = mapped_column(
        Boolean, server_default=true(), comment="Whether the rows that it removed and added are kept, to go back by."
    )


class SurrogateSecret(Base):
    """One row: the secret that the surrogate keys of people are made with, by its fingerprint."""

    __tablename__ = "surrogate_secret"

    is_only_row: Mapped[bool] = mapped_column(Boolean, primary_key=True, server_default=true())
    fingerprint: Mapped[str] = mapped_column(
        Text, comment="HMAC of a fixed text under the secret: tells the same secret from another, and nothing else."
    )
    remembered_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (CheckConstraint("is_only_row", name="only_row"),)


class Notification(Base):
    """One row per message to those who run the warehouse, written with what it tells."""

    __tablename__ = "notification"

    notification_id: Mapped[UUID] = mapped_column(
        primary_key=True, comment="Goes with the message: it may come twice, and is known by this."
    )
    kind: Mapped[str] = mapped_column(Text, comment="Name of its page in docs/runbook.")
    night_id: Mapped[str] = mapped_column(Text, server_default="")
    title_vi: Mapped[str] = mapped_column(Text)
    title_en: Mapped[str] = mapped_column(Text)
    text_vi: Mapped[str] = mapped_column(Text)
    text_en: Mapped[str] = mapped_column(Text)
    details: Mapped[str] = mapped_column(Text, server_default="", comment="A list, a line each; in no language.")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


class NotificationDelivery(Base):
    """One row per message and channel that was set when it was written."""

    __tablename__ = "notification_delivery"

    notification_id: Mapped[UUID] = mapped_column(ForeignKey("ops.notification.notification_id"), primary_key=True)
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    attempt_count: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    last_error: Mapped[str] = mapped_column(Text, server_default="")
    delivered_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        CheckConstraint(f"channel in {CHANNELS}", name="channel"),
        Index("notification_delivery_due_idx", "next_attempt_at", postgresql_where="delivered_at is null"),
    )


class NotifiedFact(Base):
    """One row per fact that a message told: it is told once."""

    __tablename__ = "notified_fact"

    fact: Mapped[str] = mapped_column(Text, primary_key=True)
    notification_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("ops.notification.notification_id"), comment="Null: from before there were messages."
    )


for _mapper in Base.registry.mappers:  # the docstring is the table's comment in the database, too
    _mapper.local_table.comment = (_mapper.class_.__doc__ or "").splitlines()[0]  # type: ignore[attr-defined]
