"""Check a file before it is sent: the verdict and the marked workbook that it would get, and nothing stays of it.

The file is received and judged by the very code that receives and judges, over one connection whose transaction never
ends but by its rollback: neither a kill nor an error leaves a trace in the warehouse. Archive and results of the gate
go to a temporary folder.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from ingestion.answer import answer_names, content_of, write_answer
from ingestion.answering.content import Content
from ingestion.ops import Submission
from ingestion.receive import IncomingFile, known_senders, receive_file
from ingestion.settings import Settings
from ingestion.warehouse import prepare, sqlalchemy_url


class CheckError(Exception):
    """The file cannot be checked; the message says why."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file would get: its answer in words, and the marked workbook. An archive gives one per file in it."""

    content: Content
    path: Path

    @property
    def is_accepted(self) -> bool:
        """Whether every report in the file would be accepted, with or without findings."""
        return self.content.verdict != "rejected"


class _Trial(psycopg.Connection[Any]):
    """A connection that keeps its one transaction open, whatever is asked of it, until it is closed."""

    def commit(self) -> None:
        """Nothing is committed."""

    def rollback(self) -> None:
        """What was tried stays until the end."""


def check_file(
    path: Path, sender_code: str, period_code: str, *, url: str, settings: Settings, out: Path | None = None
) -> list[Checked]:
    """Check one file as if this sender had sent it for this period; writes the marked workbook to `out`.

    Without `out` it stands beside the file, `<name>.checked.xlsx`; those of an archive stand in a folder. `url` is the
    warehouse's, which is made or brought up to date first. Raises CheckError if the file cannot be opened.
    """
    from dbt_project.build import seed_if_changed
    from expectations.gate import judge_within

    if not path.is_file():
        raise CheckError(f"{path} is no file")
    prepare(url)
    seed_if_changed(url)
    file = IncomingFile(path, sender_code, period_code, path.name)
    with tempfile.TemporaryDirectory(prefix="chungtay-check-") as folder, _Trial.connect(url) as trial:
        try:
            apart = settings.model_copy(update={"home": Path(folder)})
            engine = sa.create_engine(
                sqlalchemy_url(url), creator=lambda: trial, poolclass=sa.StaticPool, hide_parameters=True
            )
            _forget_earlier(engine, sender_code, period_code)
            receipts = receive_file(file, engine, apart, known_senders([file], engine))
            ids = [receipt.submission_id for receipt in receipts]
            judge_within(trial, ids, home=Path(folder))
            with engine.connect() as connection:
                contents = _contents(connection, ids)
            return [
                Checked(content, write_answer(kept, content, target, apart))
                for content, kept, target in _targets(path, contents, apart, out)
            ]
        finally:
            trial.close()  # and with it the transaction


def _forget_earlier(engine: sa.Engine, sender_code: str, period_code: str) -> None:
    """Within the trial, no report counts as received before: the same again is judged, too."""
    with engine.begin() as connection:
        connection.execute(
            sa.update(Submission)
            .where(Submission.sender_code == sender_code, Submission.period_code == period_code)
            .values(content_sha256=None, sha256="earlier " + Submission.sha256)
        )


def _contents(connection: sa.Connection, submission_ids: Sequence[int]) -> list[tuple[Content, str]]:
    """What is said of each file, with the SHA-256 of its bytes."""
    rows = connection.execute(
        sa.select(Submission.__table__)
        .where(Submission.submission_id.in_(submission_ids), Submission.status_code != "duplicate")
        .order_by(Submission.submission_id)
    ).all()
    by_file: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        by_file.setdefault((row.file_name, row.sha256), []).append(row)
    told = ((content_of(connection, same), sha256) for (_, sha256), same in by_file.items())
    found = [(content, sha256) for content, sha256 in told if content is not None]
    if not found or any(not sha256 for _, sha256 in found):
        raise CheckError("the file changed while it was read; check it again")
    return found


def _targets(
    path: Path, contents: Sequence[tuple[Content, str]], settings: Settings, out: Path | None
) -> list[tuple[Content, Path, Path]]:
    """Each answer with its file's bytes and the path where it is written."""
    kept = [settings.archive_dir / sha256[:2] / sha256 for _, sha256 in contents]
    if len(contents) == 1:
        own = path.suffix.casefold() in (".xlsx", ".xlsm")
        name = f"{path.stem}.checked{path.suffix}" if own else f"{path.name}.checked.xlsx"
        targets = [out or path.with_name(name)]
    else:
        folder = out or path.with_name(f"{path.name}.checked")
        names = answer_names(content.file_name.removeprefix(f"{path.name}/") for content, _ in contents)
        targets = [folder / name for name in names.values()]
    return [(content, bytes_, target) for (content, _), bytes_, target in zip(contents, kept, targets, strict=True)]
