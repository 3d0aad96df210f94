"""What `clean` deletes, and what it never does."""

import os
import time
from pathlib import Path

import psycopg

from ingestion.clean import outdated_files
from ingestion.receive import archive_bytes
from ingestion.settings import Settings
from ingestion.warehouse import prepare


def test_only_old_logs_results_and_outdated_answers_may_go(warehouse_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url) as connection:
        for name, status in (
            ("superseded.xlsx", "superseded"),
            ("rejected.xlsx", "rejected"),
            ("in force.xlsx", "accepted_with_findings"),
            ("sent again.xlsx", "superseded"),
            ("sent again.xlsx", "accepted"),
        ):
            connection.execute(
                "insert into ops.submission (sender_code, period_code, sha256, file_name, received_at, status_code,"
                " code_version) values ('s', '2024', 'x', %s, now(), %s, 'test')",
                [name, status],
            )
    may_go = [
        "airflow/logs/dag_id=x/attempt=1.log", "dbt/logs/dbt.log.1", "gx/validations/a/b.json",
        "gx/data_docs/validations/a/b.html", "outbox/s/2024/superseded.xlsx",
    ]  # fmt: skip
    stay = [
        "outbox/s/2024/rejected.xlsx", "outbox/s/2024/in force.xlsx", "outbox/s/2024/sent again.xlsx",
        "outbox/s/2024/unknown.xlsx", "inbox/s/2024/superseded.xlsx", "backups/chungtay-1/warehouse.dump",
        "gx/data_docs/index.html", "surrogate_secret", "airflow/secrets.json",
    ]  # fmt: skip
    for name in (*may_go, *stay, "airflow/logs/new.log"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if not name.endswith("new.log"):
            os.utime(path, (time.time() - 11 * 86400,) * 2)
    _, kept = archive_bytes(b"received", settings.archive_dir)
    os.utime(kept, (0, 0))
    found = {str(path.relative_to(tmp_path)) for path in outdated_files(settings, warehouse_url, 10)}
    assert found == set(may_go)
    assert set(outdated_files(settings, warehouse_url, 12)) == set()
