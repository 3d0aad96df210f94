"""What an operator may do without after a while: logs, old results of the gate, answers that a later report outdated.

Received bytes, the warehouse and backups are never touched.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from ingestion.ops import Submission, now
from ingestion.settings import Settings
from ingestion.warehouse import create_engine

_FOLDERS = ("airflow/logs", "dbt/logs", "gx/validations", "gx/data_docs/validations")


def outdated_files(settings: Settings, url: str, days: int) -> Iterator[Path]:
    """Files not changed for so many days that nobody needs: logs, results, answers to superseded reports."""
    until = (now() - timedelta(days=days)).timestamp()
    for folder in _FOLDERS:
        for path in (settings.home / folder).rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime < until:
                yield path
    for path in _superseded_answers(settings, url):
        if path.is_file() and path.stat().st_mtime < until:
            yield path


def _superseded_answers(settings: Settings, url: str) -> list[Path]:
    """Answers to files of whose reports none counts any more, since later ones came."""
    place = (Submission.sender_code, Submission.period_code, Submission.file_name)
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("submission", schema="ops"):
                return []
            files = connection.execute(
                sa.select(*place)
                .group_by(*place)
                .having(sa.func.bool_and(Submission.status_code.in_(("superseded", "duplicate"))))
                .having(sa.func.bool_or(Submission.status_code == "superseded"))
            )
            return [settings.outbox_dir / sender / period / file_name for sender, period, file_name in files]
    finally:
        engine.dispose()
