"""Receive: every file that lies in the inbox becomes submissions, exactly once.

The bytes are archived first, write-once by their SHA-256, and read from the archive, so that a sender who overwrites
the file meanwhile changes nothing. All reports of a file are loaded in one transaction: a workbook has come whole or
not at all, and running again after a kill at any moment gives the same result.
"""

import fcntl
import hashlib
import io
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from ingestion.load import content_sha256, load_report
from ingestion.ops import Conservation, Submission, now
from ingestion.period import Period
from ingestion.place import province_of_senders
from ingestion.read import Report, unreadable
from ingestion.reading.apart import read_file_apart
from ingestion.reading.container import members
from ingestion.reading.unreadable import UnreadableFileError
from ingestion.settings import Settings, code_version

_CHUNK_BYTES = 1 << 20
_TEMPORARY = ".incoming-"
_UNKNOWN_BYTES = ""  # instead of a SHA-256: the file changed while it was copied
# Left behind by Office, desktops and transfers in progress; never a report.
_NOT_REPORTS = ("~$", ".")
_NOT_REPORT_SUFFIXES = (".part", ".tmp", ".crdownload", ".filepart")
_NOT_REPORT_NAMES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file where its sender put it: `<inbox>/<sender>/<period>/<file name>`.

    A file that lies higher up has an empty period, or sender and period; it is received all the same, and rejected.
    """

    path: Path
    sender_code: str
    period_code: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one report: its submission, and whether the warehouse had it already.

    Of a report that was read now also what that took: `read_seconds` is its part of the reading of its file,
    `filled_row_count` all filled rows of its sheets, `refused_by` the rules by which the reader rejected it.
    """

    submission_id: int
    dataset: str | None
    status_code: str
    row_count: int
    filled_row_count: int = 0
    refused_by: tuple[str, ...] = ()
    read_seconds: float | None = None
    load_seconds: float = 0


def incoming_files(inbox: Path) -> Iterator[IncomingFile]:
    """All files of an inbox, oldest first within a sender and period: a correction comes after what it corrects.

    Raises FileNotFoundError when the inbox does not exist.
    """
    if not inbox.is_dir():
        raise FileNotFoundError(f"inbox {inbox} is not a folder")
    found = []
    for folder, _, names in os.walk(inbox):
        for name in names:
            if _is_report(name):
                path = Path(folder) / name
                parts = path.relative_to(inbox).parts
                sender = parts[0] if len(parts) > 1 else ""
                period = parts[1] if len(parts) > 2 else ""
                file_name = "/".join(parts[2:]) if len(parts) > 2 else name
                try:
                    changed = path.stat().st_mtime_ns
                except FileNotFoundError:  # it was taken away since the folder was listed
                    continue
                found.append((sender, period, changed, file_name, path))
    for sender, period, _, file_name, path in sorted(found):
        yield IncomingFile(path=path, sender_code=sender, period_code=period, file_name=file_name)


def _is_report(name: str) -> bool:
    lower = name.lower()
    return not (lower.startswith(_NOT_REPORTS) or lower.endswith(_NOT_REPORT_SUFFIXES) or lower in _NOT_REPORT_NAMES)


class FileChangedError(UnreadableFileError):
    """The file changed or vanished while it was copied: what came is not what its sender means to send."""

    def __init__(self) -> None:
        super().__init__(
            "tệp thay đổi trong khi đang được nhận (có thể đang được chép vào); lần sau sẽ nhận lại",
            "the file changed while it was received (it may still be on its way); it is received again next time",
        )


def archive(path: Path, archive_dir: Path) -> tuple[str, Path]:
    """Keep the bytes of `path` for ever, the same bytes once; gives their SHA-256 (hex) and the archived file.

    Raises FileChangedError, and keeps nothing, when the file is still being written or changes meanwhile.
    """
    try:
        before = _state(path)
        with path.open("rb") as source:
            if is_being_written(source):
                raise FileChangedError
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
            kept = _place(archive_dir, sha256)
            if kept.exists() and _state(path) == before:  # as most files of most nights
                return sha256, kept
            source.seek(0)
            return _keep(source, archive_dir, lambda: _state(path) == before)
    except FileNotFoundError as error:
        raise FileChangedError from error


def is_being_written(source: BinaryIO) -> bool:
    """Whether a process of this machine has the file open to write it: its writer may only be pausing.

    Linux tells by refusing a lease; where nobody can tell (a share, a file of others), False.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    # who opens it to write while we hold the lease makes the system send a signal: one that nobody minds
    fcntl.fcntl(source, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(source, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.fcntl(source, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def archive_bytes(content: bytes, archive_dir: Path) -> tuple[str, Path]:
    """As `archive`, for what stands in no file of its own: a member of a zip archive."""
    return _keep(io.BytesIO(content), archive_dir, lambda: True)


def _place(archive_dir: Path, sha256: str) -> Path:
    return archive_dir / sha256[:2] / sha256


def _state(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _keep(source: BinaryIO, archive_dir: Path, is_whole: Callable[[], bool]) -> tuple[str, Path]:
    archive_dir.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with _temporary_file(archive_dir) as (target, temporary):
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
        if not is_whole():
            raise FileChangedError
        temporary.chmod(0o440)
        sha256 = digest.hexdigest()
        kept = _place(archive_dir, sha256)
        kept.parent.mkdir(exist_ok=True)
        try:
            os.link(temporary, kept)  # refuses to replace what is there
        except FileExistsError:
            pass
        else:
            _sync_folder(kept.parent)
        return sha256, kept


@contextmanager
def _temporary_file(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file to write while the block runs, removed afterwards; its lock tells `sweep` that somebody writes it."""
    while True:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=_TEMPORARY)
        with os.fdopen(descriptor, "wb") as target:
            fcntl.flock(target, fcntl.LOCK_EX)
            if os.fstat(target.fileno()).st_nlink == 0:  # swept before it was locked
                continue
            try:
                yield target, Path(name)
            finally:
                Path(name).unlink()
            return


def sweep(archive_dir: Path) -> None:
    """Remove what a kill left half-copied in the archive, and nothing that is being copied."""
    for left in archive_dir.glob(f"{_TEMPORARY}*"):
        with suppress(FileNotFoundError, BlockingIOError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def known_senders(files: Iterable[IncomingFile], engine: sa.Engine) -> list[str]:
    """Codes of all senders of these files and of earlier ones, sorted: they tell which province the home serves."""
    with engine.connect() as connection:
        earlier = connection.scalars(sa.select(Submission.sender_code).distinct()).all()
    return sorted({*earlier, *(file.sender_code for file in files)})


def receive_file(
    file: IncomingFile, engine: sa.Engine, settings: Settings, senders: Iterable[str] = ()
) -> list[Receipt]:
    """Archive, read and load one file; one receipt per report found in it (one also for a file without a report).

    Communes that an agency names are looked up in the province of the settings, else in that of the `senders` known.
    The files in a zip archive are received as files of their own, `<archive>/<name in it>`, all in one transaction.

    The same bytes from the same sender for the same period are duplicates of what they were the first time, and so is
    a report that says just what the latest revision said: one duplicate submission per earlier one and file name is
    noted, and nothing else changes. Only a file of which something was rejected unread is read again: a period may have
    ended since, a contract may have learnt its layout. One that was found unreadable twice is read a third time only by
    other code or within other limits; once may have been the fault of a busy machine.
    """
    try:
        sha256, kept = archive(file.path, settings.archive_dir)
    except FileChangedError as error:
        with _receiving(engine, file) as connection:
            return [_note_unarchived(connection, file, unreadable(file.period_code, error))]
    province = settings.province or _province(file, senders)
    with _receiving(engine, file) as connection:
        try:
            packed = members(kept, settings)
        except UnreadableFileError as error:
            refused = [unreadable(file.period_code, error)]
            return _receive(connection, file, sha256, settings, lambda: refused)
        if packed is None:
            return _receive(connection, file, sha256, settings, lambda: _read(file, kept, province))
        receipts = []
        for member in packed:
            if _is_report(member.name.rpartition("/")[2]):
                sha256, kept = archive_bytes(member.content, settings.archive_dir)
                inner = replace(file, path=kept, file_name=f"{file.file_name}/{member.name}")
                receipts += _receive(connection, inner, sha256, settings, partial(_read, inner, kept, province))
        return receipts


@contextmanager
def _receiving(engine: sa.Engine, file: IncomingFile) -> Iterator[sa.Connection]:
    """One transaction. One receiver per sender at a time: revisions are numbered, and duplicates told, without a
    race."""
    with engine.begin() as connection:
        connection.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"receive {file.sender_code}", 0)))
        )
        yield connection


def _read(file: IncomingFile, kept: Path, province: str | None) -> list[Report]:
    return read_file_apart(kept, sender_code=file.sender_code, period_code=file.period_code, province=province)


def _receive(
    connection: sa.Connection, file: IncomingFile, sha256: str, settings: Settings, read: Callable[[], list[Report]]
) -> list[Receipt]:
    under = json.dumps({"code": code_version(), **settings.limits()}, sort_keys=True)
    earlier = _earlier_submissions(connection, file, sha256)
    known = {(row.dataset, row.sheet_name): row for row in earlier}
    settled = {key: row for key, row in known.items() if _is_loaded(row)}
    if known and not any(_may_be_read_now(row, under) for row in known.values()):
        return [_note_duplicate(connection, file, sha256, row.sheet_name, row) for row in (settled or known).values()]
    receipts = []
    started = time.monotonic()
    reports = read()
    read_seconds = (time.monotonic() - started) / max(len(reports), 1)
    for report in reports:
        key = report.dataset, _sheets(report)
        if key in settled or (key in known and report.is_rejected):
            receipts.append(_note_duplicate(connection, file, sha256, _sheets(report), known[key]))
            if any(finding.rule == "unreadable_file" for finding in report.findings):
                _note_refused_again(connection, known[key], under)
            continue
        replaced = [] if report.is_rejected else _rejected_unread(connection, file, sha256, report)
        if replaced and _came_after(connection, file, report, min(row.received_at for row in replaced)):
            # It was corrected before we could read it: too late to count.
            receipts.append(Receipt(replaced[0].submission_id, report.dataset, "superseded", 0))
        else:
            receipts.append(replace(_load(connection, file, sha256, report), read_seconds=read_seconds))
        connection.execute(
            sa.update(Submission)
            .where(Submission.submission_id.in_([row.submission_id for row in replaced]))
            .values(status_code="superseded")
        )
    return receipts


def _province(file: IncomingFile, senders: Iterable[str]) -> str | None:
    try:
        day = Period.parse(file.period_code).end
    except ValueError:  # the reader tells the sender
        return None
    return province_of_senders(senders, day)


def _sheets(report: Report) -> str:
    return " | ".join(report.sheet_names)


Earlier = sa.Row[tuple[Submission]]


def _is_loaded(row: Earlier) -> bool:
    """Whether the report was loaded, or said what another says that was."""
    return row.revision is not None or row.status_code == "duplicate"


def _may_be_read_now(row: Earlier, under: str) -> bool:
    """Whether reading the bytes again may give more than the rejection that they came to."""
    return row.status_code == "rejected" and not _is_loaded(row) and row.refused_under != under


def _note_refused_again(connection: sa.Connection, row: Earlier, under: str) -> None:
    connection.execute(
        sa.update(Submission).where(Submission.submission_id == row.submission_id).values(refused_under=under)
    )


def _earlier_submissions(connection: sa.Connection, file: IncomingFile, sha256: str) -> list[Earlier]:
    """What these bytes were before, from this sender for this period; of a repetition of the bytes, the original."""
    original = aliased(Submission)
    return list(
        connection.execute(
            sa.select(Submission.__table__)
            .outerjoin(original, Submission.duplicate_of == original.submission_id)
            .where(
                Submission.sender_code == file.sender_code,
                Submission.period_code == file.period_code,
                Submission.sha256 == sha256,
                original.sha256.is_distinct_from(Submission.sha256),
            )
            .order_by(Submission.submission_id)
        )
    )


def _rejected_unread(connection: sa.Connection, file: IncomingFile, sha256: str, report: Report) -> list[Earlier]:
    """What was rejected unread and is read now: these bytes, or this file when it was still on its way."""
    return list(
        connection.execute(
            sa.select(Submission.__table__)
            .where(
                Submission.sender_code == file.sender_code,
                Submission.period_code == file.period_code,
                Submission.status_code.in_(("rejected", "superseded")),
                Submission.revision.is_(None),
                sa.or_(
                    sa.and_(
                        Submission.sha256 == sha256,
                        Submission.sheet_name.in_(["", _sheets(report), *report.sheet_names]),
                    ),
                    sa.and_(Submission.sha256 == _UNKNOWN_BYTES, Submission.file_name == file.file_name),
                ),
            )
            .order_by(Submission.submission_id)
        )
    )


def _same_report(file: IncomingFile, report: Report) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Submission.sender_code == file.sender_code,
        Submission.dataset == report.dataset,
        Submission.period_code == file.period_code,
        Submission.standard_code == report.standard_code,
    )


def _came_after(connection: sa.Connection, file: IncomingFile, report: Report, instant: datetime) -> bool:
    """Whether the bytes of a revision of this report first came after an instant, whenever they could be read."""
    earlier = aliased(Submission)
    first_came = (
        sa.select(sa.func.min(earlier.received_at))
        .where(
            earlier.sender_code == Submission.sender_code,
            earlier.period_code == Submission.period_code,
            earlier.sha256 == Submission.sha256,
        )
        .scalar_subquery()
    )
    statement = sa.select(sa.func.count()).where(
        *_same_report(file, report), Submission.revision.is_not(None), first_came > instant
    )
    return connection.execute(statement).scalar_one() > 0


def _note_unarchived(connection: sa.Connection, file: IncomingFile, report: Report) -> Receipt:
    """Tell that a file came of which there are no bytes to keep; once per file, with the last time it was tried."""
    statement = (
        sa.update(Submission)
        .where(
            Submission.sender_code == file.sender_code,
            Submission.period_code == file.period_code,
            Submission.file_name == file.file_name,
            Submission.sha256 == _UNKNOWN_BYTES,
            Submission.status_code == "rejected",
        )
        .values(received_at=(instant := now()), answered_at=instant)
        .returning(Submission.submission_id)
    )
    submission_id = connection.execute(statement).scalar()
    if submission_id is not None:
        return Receipt(submission_id, None, "rejected", 0)
    receipt = _load(connection, file, _UNKNOWN_BYTES, report)
    # There is nothing to mark: no answer is due.
    connection.execute(
        sa.update(Submission)
        .where(Submission.submission_id == receipt.submission_id)
        .values(answered_at=Submission.received_at)
    )
    return receipt


def _note_duplicate(
    connection: sa.Connection, file: IncomingFile, sha256: str, sheet_name: str, earlier: Earlier
) -> Receipt:
    values = {
        "sender_code": file.sender_code,
        "dataset": earlier.dataset,
        "period_code": file.period_code,
        "period_end": earlier.period_end,
        "standard_code": earlier.standard_code,
        "sha256": sha256,
        "file_name": file.file_name,
        "sheet_name": sheet_name,
        "received_at": now(),
        "status_code": "duplicate",
        "duplicate_of": earlier.duplicate_of or earlier.submission_id,
        "row_count": earlier.row_count,
        "content_sha256": earlier.content_sha256,
        "code_version": code_version(),
    }
    # A file that stays in the inbox is seen every night: it is noted once, with the last time it was seen.
    statement = (
        insert(Submission)
        .values(values)
        .on_conflict_do_update(
            index_elements=["duplicate_of", "file_name"],
            index_where=sa.text("status_code = 'duplicate'"),
            set_={name: values[name] for name in ("received_at", "sha256", "sheet_name")},
        )
        .returning(Submission.submission_id)
    )
    submission_id = connection.execute(statement).scalar_one()
    return Receipt(submission_id, earlier.dataset, "duplicate", earlier.row_count)


def _load(connection: sa.Connection, file: IncomingFile, sha256: str, report: Report) -> Receipt:
    """Load a report as the next revision; one that says what the latest says is a duplicate of it."""
    started = time.monotonic()
    revision, content = None, None
    if not report.is_rejected:
        content = content_sha256(report)
        latest = connection.execute(
            sa.select(Submission.__table__)
            .where(*_same_report(file, report), Submission.revision.is_not(None))
            .order_by(Submission.revision.desc())
            .limit(1)
        ).one_or_none()
        if latest is not None and latest.content_sha256 == content:
            return _note_duplicate(connection, file, sha256, _sheets(report), latest)
        revision = 1 if latest is None else latest.revision + 1
    status = "rejected" if report.is_rejected else "received"
    submission_id = connection.execute(
        sa.insert(Submission)
        .values(
            sender_code=file.sender_code,
            dataset=report.dataset,
            period_code=file.period_code,
            period_end=report.period_end,
            standard_code=report.standard_code,
            revision=revision,
            sha256=sha256,
            file_name=file.file_name,
            sheet_name=_sheets(report),
            received_at=now(),
            status_code=status,
            row_count=report.row_count,
            other_row_count=report.other_row_count,
            content_sha256=content,
            layout=report.layout,
            contract_version=report.contract_version,
            code_version=code_version(),
        )
        .returning(Submission.submission_id)
    ).scalar_one()
    load_report(connection, submission_id, report)
    if report.recount is not None:
        connection.execute(
            sa.insert(Conservation).values(
                submission_id=submission_id,
                rows_in_file=report.row_count,
                rows_loaded=report.row_count,
                rows_held=0,
                filled_rows_recounted=report.recount.filled_rows,
                amounts_recounted=dict(report.recount.amounts),
                not_recounted=report.recount.not_recounted,
            )
        )
    return Receipt(
        submission_id,
        report.dataset,
        status,
        report.row_count,
        filled_row_count=report.row_count + report.other_row_count,
        refused_by=tuple(dict.fromkeys(f.rule for f in report.findings if f.severity == "reject")),
        load_seconds=time.monotonic() - started,
    )
