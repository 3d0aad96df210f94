"""Receive: every file that lies in the inbox becomes submissions, exactly once.

The bytes are archived first, write-once by their SHA-256, and read from the archive, so that a sender who overwrites
the file meanwhile changes nothing. All reports of a file are loaded in one transaction: a workbook has come whole or
not at all, and running again after a kill at any moment gives the same result.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ingestion.load import load_report
from ingestion.ops import Submission, now
from ingestion.period import Period
from ingestion.place import province_of_senders
from ingestion.read import Report, read_file
from ingestion.settings import Settings, code_version

_CHUNK_BYTES = 1 << 20
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
    """What became of one report: its submission, and whether the warehouse had it already."""

    submission_id: int
    dataset: str | None
    status_code: str
    row_count: int


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
                found.append((sender, period, path.stat().st_mtime_ns, file_name, path))
    for sender, period, _, file_name, path in sorted(found):
        yield IncomingFile(path=path, sender_code=sender, period_code=period, file_name=file_name)


def _is_report(name: str) -> bool:
    lower = name.lower()
    return not (lower.startswith(_NOT_REPORTS) or lower.endswith(_NOT_REPORT_SUFFIXES) or lower in _NOT_REPORT_NAMES)


def archive(path: Path, archive_dir: Path) -> tuple[str, Path]:
    """Keep the bytes of `path` for ever, the same bytes once; gives their SHA-256 (hex) and the archived file."""
    archive_dir.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=archive_dir, prefix=".incoming-")
    digest = hashlib.sha256()
    try:
        with os.fdopen(descriptor, "wb") as target, path.open("rb") as source:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        Path(temporary).chmod(0o440)
        sha256 = digest.hexdigest()
        kept = archive_dir / sha256[:2] / sha256
        kept.parent.mkdir(exist_ok=True)
        try:
            os.link(temporary, kept)  # refuses to replace what is there
        except FileExistsError:
            pass
        else:
            _sync_folder(kept.parent)
        return sha256, kept
    finally:
        Path(temporary).unlink()


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

    The same bytes from the same sender for the same period are duplicates of what they were the first time: one
    duplicate submission per earlier one and file name is noted, and nothing else changes. Only a file of which
    something was rejected unread is read again: a period may have ended since, a contract may have learnt its layout.
    """
    sha256, kept = archive(file.path, settings.archive_dir)
    with engine.begin() as connection:
        # One receiver per sender at a time: revisions are numbered, and duplicates told, without a race.
        connection.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"receive {file.sender_code}", 0)))
        )
        earlier = _earlier_submissions(connection, file, sha256)
        if earlier and all(row.revision for row in earlier):
            return [_note_duplicate(connection, file, sha256, row) for row in earlier]
        reports = read_file(
            kept,
            sender_code=file.sender_code,
            period_code=file.period_code,
            province=settings.province or _province(file, senders),
        )
        known = {(row.dataset, row.sheet_name): row for row in earlier if row.revision or row.status_code == "rejected"}
        receipts = []
        for report in reports:
            same = known.get((report.dataset, _sheets(report)))
            if same is not None and (same.revision or report.is_rejected):
                receipts.append(_note_duplicate(connection, file, sha256, same))
            else:
                receipts.append(_load(connection, file, sha256, report))
                _supersede_rejected(connection, report, earlier)
        return receipts


def _province(file: IncomingFile, senders: Iterable[str]) -> str | None:
    try:
        day = Period.parse(file.period_code).end
    except ValueError:  # the reader tells the sender
        return None
    return province_of_senders(senders, day)


def _sheets(report: Report) -> str:
    return " | ".join(report.sheet_names)


def _supersede_rejected(connection: sa.Connection, report: Report, earlier: list[sa.Row[tuple[Submission]]]) -> None:
    """What was rejected unread and is read now stands in history only."""
    replaced = [row.submission_id for row in earlier if not row.revision and row.sheet_name in report.sheet_names]
    if replaced and not report.is_rejected:
        connection.execute(
            sa.update(Submission).where(Submission.submission_id.in_(replaced)).values(status_code="superseded")
        )


def _earlier_submissions(connection: sa.Connection, file: IncomingFile, sha256: str) -> list[sa.Row[tuple[Submission]]]:
    return list(
        connection.execute(
            sa.select(Submission.__table__)
            .where(
                Submission.sender_code == file.sender_code,
                Submission.period_code == file.period_code,
                Submission.sha256 == sha256,
                Submission.status_code != "duplicate",
            )
            .order_by(Submission.submission_id)
        )
    )


def _note_duplicate(
    connection: sa.Connection, file: IncomingFile, sha256: str, earlier: sa.Row[tuple[Submission]]
) -> Receipt:
    values = {
        "sender_code": file.sender_code,
        "dataset": earlier.dataset,
        "period_code": file.period_code,
        "period_end": earlier.period_end,
        "standard_code": earlier.standard_code,
        "sha256": sha256,
        "file_name": file.file_name,
        "sheet_name": earlier.sheet_name,
        "received_at": now(),
        "status_code": "duplicate",
        "duplicate_of": earlier.submission_id,
        "row_count": earlier.row_count,
        "code_version": code_version(),
    }
    # A file that stays in the inbox is seen every night: it is noted once, with the last time it was seen.
    statement = (
        insert(Submission)
        .values(values)
        .on_conflict_do_update(
            index_elements=["duplicate_of", "file_name"],
            index_where=sa.text("status_code = 'duplicate'"),
            set_={"received_at": values["received_at"]},
        )
        .returning(Submission.submission_id)
    )
    submission_id = connection.execute(statement).scalar_one()
    return Receipt(submission_id, earlier.dataset, "duplicate", earlier.row_count)


def _load(connection: sa.Connection, file: IncomingFile, sha256: str, report: Report) -> Receipt:
    revision = None
    if not report.is_rejected:
        latest = connection.execute(
            sa.select(sa.func.max(Submission.revision)).where(
                Submission.sender_code == file.sender_code,
                Submission.dataset == report.dataset,
                Submission.period_code == file.period_code,
                Submission.standard_code == report.standard_code,
            )
        ).scalar_one()
        revision = (latest or 0) + 1
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
            contract_version=report.contract_version,
            code_version=code_version(),
        )
        .returning(Submission.submission_id)
    ).scalar_one()
    load_report(connection, submission_id, report)
    return Receipt(submission_id, report.dataset, status, report.row_count)
