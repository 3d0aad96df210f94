"""The answer to every sender: his own workbook with the wrong cells marked, in `outbox/<sender>/<period>/`.

One answer per received file, with all its reports. It is written whole or not at all and noted afterwards: a kill at
any moment leaves at most an answer to be written again, with the same content. An answer is due again when the
judgement on one of its reports changed.
"""

import logging
import os
import re
import tempfile
import time
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from traceback import format_tb
from typing import Any

import sqlalchemy as sa

from ingestion.answering.content import SEE_CELL, SEVERITIES, Content, JudgedReport, Point, example_of, written
from ingestion.answering.copy_out import copied
from ingestion.answering.package import mark
from ingestion.answering.worksheet import place_of
from ingestion.answering.xml_part import NotEditableError
from ingestion.contract import Column, Contract, load_contracts
from ingestion.finding import Severity
from ingestion.ops import VERDICTS, ColumnPosition, Finding, Submission, UnreadCell
from ingestion.reading.unreadable import UnreadableFileError
from ingestion.reading.workbook import read_sheets
from ingestion.rule import load_rules
from ingestion.settings import Settings

log = logging.getLogger(__name__)

_TEMPORARY = ".answer-"
_NOT_IN_NAMES = re.compile(r"[<>:\"|?*\\\x00-\x1f\x7f]")
_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_LONGEST_NAME = 180  # bytes; file systems end at 255
_NO_SENDER, _NO_PERIOD = "khong-ro-don-vi", "khong-ro-ky"
_LOCK = "write answers"


class AnswerError(Exception):
    """Answers that could not be written, through no fault of their senders; the message names each."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was written, to the reports of `submission_ids` in one file."""

    sender_code: str
    period_code: str
    file_name: str
    path: Path
    verdict_code: str
    finding_count: int
    submission_ids: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class _File:
    """A received file: bytes under a name, from a sender for a period."""

    sender_code: str
    period_code: str
    sha256: str
    file_name: str


def answer_pending(engine: sa.Engine, settings: Settings) -> list[Answered]:
    """Write every answer that is due; gives those written, in the order in which the files came.

    Raises AnswerError at the end if some could not be written; the others are.
    """
    written_answers: list[Answered] = []
    failures: list[str] = []
    with _alone(engine):
        _sweep(settings.outbox_dir)
        for file in _due(engine):
            try:
                answered = _answer(engine, settings, file)
            except Exception as error:  # noqa: BLE001 - whatever it is, the neighbours go on
                place = f"{file.sender_code}/{file.period_code}/{file.file_name}"
                kind = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
                log.error("no answer to %s: %s\n%s", place, kind, "".join(format_tb(error.__traceback__)))
                failures.append(f"{place}: {kind}")
                continue
            if answered is not None:
                written_answers.append(answered)
    if failures:
        raise AnswerError("; ".join(failures))
    return written_answers


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[None]:
    """One writer of answers at a time."""
    with engine.connect() as connection:
        key = sa.func.hashtextextended(_LOCK, 0)
        connection.execute(sa.select(sa.func.pg_advisory_lock(key)))
        connection.commit()
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))
            connection.commit()


def _sweep(outbox: Path) -> None:
    """Remove what a kill left half-written."""
    for left in outbox.rglob(f"{_TEMPORARY}*") if outbox.is_dir() else ():
        left.unlink(missing_ok=True)


def _due(engine: sa.Engine) -> list[_File]:
    """The files whose answer is due: all of their reports are judged, one of them since the last answer."""
    latest = sa.func.greatest(Submission.received_at, sa.func.coalesce(Submission.judged_at, Submission.received_at))
    key = (Submission.sender_code, Submission.period_code, Submission.sha256, Submission.file_name)
    statement = (
        sa.select(*key)
        .where(Submission.status_code != "duplicate", Submission.sha256 != "")
        .group_by(*key)
        .having(
            sa.func.bool_and(Submission.status_code != "received"),
            sa.func.bool_or(sa.or_(Submission.answered_at.is_(None), Submission.answered_at < latest)),
        )
        .order_by(sa.func.max(Submission.submission_id))
    )
    with engine.connect() as connection:
        return [_File(*row) for row in connection.execute(statement)]


def _answer(engine: sa.Engine, settings: Settings, file: _File) -> Answered | None:
    """Write one answer and note it; None where a later file of the name has taken its place."""
    started = time.monotonic()
    kept = settings.archive_dir / file.sha256[:2] / file.sha256
    with engine.connect() as connection:
        submissions = _submissions(connection, file)
        content = content_of(connection, submissions)
        place = _place(connection, file)
    answered = None
    if place is not None and content is not None:
        path = settings.outbox_dir / place
        path = write_answer(kept, content, path, settings)
        answered = Answered(
            file.sender_code, file.period_code, file.file_name, path, content.verdict, len(content.points),
            tuple(row.submission_id for row in submissions), time.monotonic() - started,
        )  # fmt: skip
    with engine.begin() as connection:
        for row in submissions:
            connection.execute(
                sa.update(Submission)
                .where(
                    Submission.submission_id == row.submission_id,
                    Submission.judged_at.is_not_distinct_from(row.judged_at),  # else it is due again
                )
                .values(answered_at=sa.func.clock_timestamp())
            )
    return answered


# --- what is said ---


def _submissions(connection: sa.Connection, file: _File) -> Sequence[Any]:
    return connection.execute(
        sa.select(Submission.__table__)
        .where(
            Submission.sender_code == file.sender_code,
            Submission.period_code == file.period_code,
            Submission.sha256 == file.sha256,
            Submission.file_name == file.file_name,
            Submission.status_code != "duplicate",
        )
        .order_by(Submission.submission_id)
    ).all()


def content_of(connection: sa.Connection, submissions: Sequence[Any]) -> Content | None:
    """What an answer says of these submissions (rows of `ops.submission`) of one file; None if nothing is left to say.

    What was rejected unread and is read now is told by its later submission.
    """
    told = [row for row in submissions if not (row.revision is None and row.status_code == "superseded")]
    if not told:
        return None
    points: list[tuple[tuple[object, ...], Point]] = []
    order = {name: index for index, name in enumerate(name for row in told for name in row.sheet_name.split(" | "))}
    for row in told:
        for finding, point in _points(connection, row):
            row_number, column = _position(point)
            key = (
                SEVERITIES.index(point.severity),
                order.get(point.sheet_name or "", -1),
                row_number,
                column,
                finding.finding_id,
            )
            points.append((key, point))
    first = told[0]
    return Content(
        sender_code=first.sender_code,
        period_code=first.period_code,
        file_name=first.file_name,
        received_at=first.received_at,
        reports=tuple(_judged(row) for row in told),
        points=tuple(point for _, point in sorted(points, key=lambda item: item[0])),
    )


def _position(point: Point) -> tuple[int, int]:
    return place_of(point.cell) if point.cell else (point.row_number or 0, 0)


def _judged(row: Any) -> JudgedReport:
    contract = load_contracts().get(row.dataset or "")
    verdict = row.verdict_code or (row.status_code if row.status_code in VERDICTS else "rejected")
    return JudgedReport(
        title_vi=contract.title_vi if contract else "",
        title_en=contract.title_en if contract else "",
        sheet_names=tuple(name for name in row.sheet_name.split(" | ") if name),
        verdict=verdict,
        row_count=row.row_count,
        held_row_count=row.held_row_count,
        superseded=row.status_code == "superseded",
    )


def _points(connection: sa.Connection, row: Any) -> Iterator[tuple[Any, Point]]:
    contract = load_contracts().get(row.dataset or "")
    findings = connection.execute(
        sa.select(Finding.__table__).where(Finding.submission_id == row.submission_id).order_by(Finding.finding_id)
    ).all()
    if not findings:
        return
    values = _values(connection, row, contract) if contract else {}
    cells = connection.execute(sa.select(UnreadCell.__table__).where(UnreadCell.submission_id == row.submission_id))
    unread = {(cell.sheet_name, cell.row_number, cell.column_name): cell for cell in cells}
    letters = _first_letters(connection, row.submission_id)
    for finding in findings:
        column = _column(contract, finding.column_name)
        where = (finding.sheet_name or "", finding.row_number)
        cell = unread.get((*where, finding.column_name))
        value = values.get(where, {}).get(finding.column_name)
        yield finding, _point(finding, column, value, cell, letters.get(finding.sheet_name or "", "A"))


def _column(contract: Contract | None, name: str | None) -> Column | None:
    if contract is None or name is None:
        return None
    return next((column for column in contract.columns if column.name == name), None)


def _point(finding: Any, column: Column | None, value: object, unread: Any, first_letter: str) -> Point:
    rule = load_rules().get(finding.rule)
    severity: Severity = finding.severity
    address = finding.cell
    if address is None and finding.row_number is not None and rule is not None and rule.level != "file":
        address = f"{first_letter}{finding.row_number}"
    sent, read, expected, example = finding.value, None, "", ""
    if column is not None:
        if column.personal and sent is not None:
            sent = SEE_CELL
        if value is not None and not column.personal:
            read = written(value, column)
        if rule is not None and rule.level == "cell":
            expected = column.expected[0] if unread is None else unread.expected_vi
            example = example_of(column)
    return Point(
        rule_id=finding.rule,
        severity=severity,
        message_vi=finding.message_vi,
        message_en=finding.message_en,
        action_vi=rule.action_vi if rule else "",
        sheet_name=finding.sheet_name,
        row_number=finding.row_number,
        cell=address,
        heading=column.heading if column else "",
        headings=column.headings if column else (),
        sent=sent,
        read=read,
        expected=expected,
        example=example,
    )


def _values(
    connection: sa.Connection, row: Any, contract: Contract
) -> Mapping[tuple[str, int | None], Mapping[str, object]]:
    """The typed rows of which something was found, by sheet and number."""
    raw = sa.table(contract.dataset, *(sa.column(name) for name, _ in contract.raw_columns()), schema="raw")
    found = (
        sa.select(Finding.sheet_name, Finding.row_number)
        .where(Finding.submission_id == row.submission_id, Finding.column_name.is_not(None))
        .distinct()
    )
    statement = sa.select(raw).where(
        raw.c.submission_id == row.submission_id, sa.tuple_(raw.c.sheet_name, raw.c.row_number).in_(found)
    )
    rows = connection.execute(statement).mappings()
    return {(values["sheet_name"], values["row_number"]): dict(values) for values in rows}


def _first_letters(connection: sa.Connection, submission_id: int) -> dict[str, str]:
    """The letter of the first column of the report in each sheet."""
    first: dict[str, str] = {}
    for sheet_name, letter in connection.execute(
        sa.select(ColumnPosition.sheet_name, ColumnPosition.column_letter).where(
            ColumnPosition.submission_id == submission_id
        )
    ):
        first[sheet_name] = min(first.get(sheet_name, letter), letter, key=lambda letters: (len(letters), letters))
    return first


# --- where it is written ---


def _place(connection: sa.Connection, file: _File) -> PurePosixPath | None:
    """The answer's path in the outbox; None if a later file of the same name has it."""
    rows = connection.execute(
        sa.select(Submission.file_name, Submission.sha256)
        .where(
            Submission.sender_code == file.sender_code,
            Submission.period_code == file.period_code,
            Submission.status_code != "duplicate",
            Submission.sha256 != "",
        )
        .order_by(Submission.submission_id)
    ).all()
    latest = {row.file_name: row.sha256 for row in rows}
    if latest[file.file_name] != file.sha256:
        return None
    name = answer_names(latest)[file.file_name]
    folder = PurePosixPath(_safe(file.sender_code) or _NO_SENDER, _safe(file.period_code) or _NO_PERIOD)
    return folder / name


def answer_names(file_names: Iterable[str]) -> dict[str, PurePosixPath]:
    """The name of each file's answer within its folder, in the order of the files: safe, and each once.

    A workbook's answer is called as the workbook; any other file's has `.xlsx` behind. Where two would be called alike,
    the later is numbered.
    """
    taken: set[str] = set()
    folders: set[str] = set()
    names: dict[str, PurePosixPath] = {}
    for file_name in file_names:
        parts = [safe for part in file_name.split("/") if (safe := _safe(part))] or ["tep"]
        suffix = PurePosixPath(parts[-1]).suffix
        if suffix.casefold() not in (".xlsx", ".xlsm"):
            parts[-1] += ".xlsx"
            suffix = ".xlsx"
        stem, number = parts[-1].removesuffix(suffix), 1
        while True:
            tail = "" if number == 1 else f" ({number})"
            name = PurePosixPath(*parts[:-1], f"{stem}{tail}{suffix}")
            key = str(name).casefold()
            above = {str(folder).casefold() for folder in name.parents}
            if key not in taken and key not in folders and not above & taken:
                break
            number += 1
            if above & taken:  # a file stands where the folder would be
                parts = [*(f"{part}_" for part in parts[:-1]), parts[-1]]
        taken.add(key)
        folders |= above
        names[file_name] = name
    return names


def _safe(name: str) -> str:
    """A name that is one on every file system, as like to the sender's as may be; '' for what is none."""
    plain = _NOT_IN_NAMES.sub("_", unicodedata.normalize("NFC", name).replace("/", "_"))
    plain = "".join("_" if unicodedata.category(letter) in ("Cc", "Cf", "Cs") else letter for letter in plain)
    plain = plain.strip().rstrip(". ")
    if not plain.strip("."):
        return ""
    if _RESERVED.match(plain) or plain.startswith("."):
        plain = f"_{plain}"
    if len(plain.encode()) > _LONGEST_NAME:
        suffix = PurePosixPath(plain).suffix
        suffix = suffix if len(suffix.encode()) <= 10 else ""
        room = _LONGEST_NAME - len(suffix.encode())
        plain = plain.removesuffix(suffix).encode()[:room].decode("utf-8", "ignore").rstrip() + suffix
    return plain


def write_answer(kept: Path, content: Content, path: Path, settings: Settings) -> Path:
    """Write the answer to the file `kept`, whole or not at all; gives its path.

    That is `path`, but for a copy that stands for a workbook with macros: it has none, and gets `.xlsx` behind.
    """
    answer, is_own = _marked(kept, content, settings)
    if not is_own and path.suffix.casefold() == ".xlsm":
        path = path.with_name(f"{path.name}.xlsx")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.write(answer)
            target.flush()
            os.fsync(target.fileno())
        Path(temporary).chmod(0o640)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _marked(kept: Path, content: Content, settings: Settings) -> tuple[bytes, bool]:
    """The answer's bytes, and whether they are the sender's own workbook."""
    if any(point.rule_id == "unreadable_file" for point in content.points):
        return mark(*copied([], content)), False
    if _is_workbook(kept):
        try:
            return mark(kept.read_bytes(), content), True
        except NotEditableError as error:
            log.warning("%s is answered by a copy of its cells: %s", content.file_name, error)
            content = replace(content, layout_kept=False)
    try:
        sheets = read_sheets(kept, settings)
    except UnreadableFileError:  # it could be read when it came; the limits are others now
        sheets = []
    return mark(*copied(sheets, content)), False


def _is_workbook(kept: Path) -> bool:
    """Whether the file is a package of SpreadsheetML (xlsx, xlsm), whatever its name."""
    if not zipfile.is_zipfile(kept):
        return False
    with zipfile.ZipFile(kept) as archive:
        return any(name.casefold().endswith("workbook.xml") for name in archive.namelist())
