"""Backup and restore, killed at every step; an old home brought up to date; the secret changed. On real servers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from ingestion.backup import KEPT_SCHEMAS, BackupError, backup, read_manifest, restore
from ingestion.local.postgres import Server
from ingestion.receive import archive_bytes
from ingestion.settings import Settings
from ingestion.surrogate import fingerprint, secret
from ingestion.warehouse import prepare

CHUNGTAY = Path(sys.executable).with_name("chungtay")
BACKUP_STEPS = ("the warehouse", "the archive", "reading it back")
RESTORE_STEPS = ("reading it back", "the archive", "the warehouse", "bringing it up to date")
REPORTS, ROWS = 8, 500


@pytest.fixture(scope="module")
def new_database(server: Server) -> Iterator[Callable[[], str]]:
    """Makes empty databases, dropped after the module."""
    made: list[str] = []
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:

        def make() -> str:
            made.append(f"backup_{uuid.uuid4().hex[:12]}")
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(made[-1])))
            return server.url(made[-1])

        yield make
        for name in made:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def receive(connection: psycopg.Connection[tuple[object, ...]], home: Path, number: int) -> None:
    """A report and its rows, as receiving leaves them: bytes first, then one transaction."""
    sha256, _ = archive_bytes(f"report {number}".encode() * 1000, home / "archive")
    with connection.transaction():
        row = connection.execute(
            "insert into ops.submission (sender_code, dataset, period_code, sha256, file_name, received_at,"
            " status_code, row_count, revision, code_version) values ('huyen-220', 'household_review', '2024', %s, 'a',"
            " now(), 'accepted', %s, %s, 'test') returning submission_id",
            [sha256, ROWS, number],
        ).fetchone()
        assert row is not None
        connection.execute(
            "insert into raw.column_position (submission_id, sheet_name, column_name, column_letter)"
            " select %s, 'sheet', n::text, 'Cột Ắ' from generate_series(1, %s) as n",
            [row[0], ROWS],
        )


@pytest.fixture(scope="module")
def filled(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str]:
    """A small home: reports with their bytes, a published table with what readers have of it, an answer, a secret."""
    url = new_database()
    settings = Settings(home=tmp_path_factory.mktemp("filled"), surrogate_secret=None)
    prepare(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(1, REPORTS + 1):
            receive(connection, settings.home, number)
        connection.execute("create table mart.dim_colour (code text primary key, shade int)")
        connection.execute("insert into mart.dim_colour select n::text, n from generate_series(1, 1000) as n")
        connection.execute("comment on table mart.dim_colour is 'Một màu mỗi dòng'")
        connection.execute("create view mart.rpt_colour as select code from mart.dim_colour")
        connection.execute("create table if not exists mart_build.dim_colour (code text primary key)")
        connection.execute(
            "insert into ops.surrogate_secret (fingerprint) values (%s)", [fingerprint(secret(settings))]
        )
    answer = settings.outbox_dir / "huyen-220" / "2024" / "Trả lời.xlsx"
    answer.parent.mkdir(parents=True)
    answer.write_bytes(b"answer")
    return settings, url


@pytest.fixture(scope="module")
def kept(filled: tuple[Settings, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the small home. Only read it."""
    return backup(*filled, tmp_path_factory.mktemp("kept"))[0]


def hashes(url: str) -> dict[str, object]:
    """Count and hash of every table that is kept."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname = any(%s)", [KEPT_SCHEMAS]
        ).fetchall()
        return {
            f"{schema}.{table}": connection.execute(
                sql.SQL("select count(*), sum(hashtextextended(t::text, 0)::numeric) from {} as t").format(
                    sql.Identifier(schema, table)
                )
            ).fetchone()
            for schema, table in tables
        }


def start(home: Path, url: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CHUNGTAY_")}
    environment |= {"CHUNGTAY_HOME": str(home), "CHUNGTAY_WAREHOUSE_URL": url}
    return subprocess.Popen(
        [str(CHUNGTAY), *map(str, arguments)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def kill_at(step: str, home: Path, url: str, *arguments: object) -> None:
    """Start the command and SIGKILL it when it tells that it begins this step."""
    process = start(home, url, *arguments)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(step):
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait(30) == -signal.SIGKILL, step
    process.communicate()


def test_a_backup_killed_at_any_step_leaves_nothing_that_looks_like_one(
    filled: tuple[Settings, str], tmp_path: Path
) -> None:
    settings, url = filled
    to = tmp_path / "to"
    for step in BACKUP_STEPS:
        kill_at(step, settings.home, url, "backup", "--to", to)
        assert not list(to.glob("chungtay-*")), step
    done = start(settings.home, url, "backup", "--to", to)
    out, err = done.communicate(timeout=60)
    assert done.returncode == 0, err
    assert [path.name for path in to.iterdir() if path.name != ".backup.lock"] == [Path(out.strip()).name]
    assert "dữ liệu cá nhân" in err
    assert "the secret" in err


def test_a_restore_killed_at_any_step_is_run_again_to_the_same_home(
    filled: tuple[Settings, str], kept: Path, new_database: Callable[[], str], tmp_path: Path
) -> None:
    original, url = filled
    home, restored = tmp_path / "home", new_database()
    for step in RESTORE_STEPS:
        kill_at(step, home, restored, "restore", kept)
        tables = hashes(restored)
        assert tables in ({}, hashes(url)), f"half a warehouse after a kill at: {step}"
    assert tables  # the last kill came after the warehouse was whole
    done = start(home, restored, "restore", kept)
    _, err = done.communicate(timeout=60)
    assert done.returncode == 0, err
    assert hashes(restored) == hashes(url)
    for folder in ("archive", "outbox"):
        files = {
            path.relative_to(root): path.read_bytes()
            for root in (original.home / folder,)
            for path in root.rglob("*")
            if path.is_file()
        }
        assert files
        assert {p: (home / folder / p).read_bytes() for p in files} == files
    assert (home / "surrogate_secret").read_text() == (original.home / "surrogate_secret").read_text()
    assert (home / "surrogate_secret").stat().st_mode & 0o777 == 0o600
    assert not (home / ".restoring").exists()
    with psycopg.connect(restored) as connection:
        told = connection.execute(
            "select obj_description('mart.dim_colour'::regclass), has_table_privilege('bi_reader', 'mart.rpt_colour',"
            " 'select'), has_table_privilege('bi_reader', 'ops.submission', 'select'),"
            " (select count(*) from mart.rpt_colour), to_regclass('mart_build.dim_colour') is null"
        ).fetchone()
        assert told == ("Một màu mỗi dòng", True, False, 1000, True)
        connection.execute("create table mart.made_later ()")
        later = connection.execute("select has_table_privilege('bi_reader', 'mart.made_later', 'select')").fetchone()
        assert later == (True,)
        with pytest.raises(psycopg.errors.UniqueViolation), connection.transaction():
            connection.execute("insert into mart.dim_colour (code) values ('1')")
        row = connection.execute(
            "insert into ops.finding (submission_id, found_by, rule, severity, message_vi, message_en)"
            " values (1, 'read', 'x', 'warning', '', '') returning finding_id"
        ).fetchone()
        assert row == (1,)  # the sequences go on
        connection.rollback()


def test_a_backup_is_of_one_instant_while_reports_arrive(new_database: Callable[[], str], tmp_path: Path) -> None:
    url, restored = new_database(), new_database()
    settings = Settings(home=tmp_path / "home", surrogate_secret=None)
    prepare(url)
    stop = threading.Event()
    numbers: list[int] = []

    def arrive() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.is_set():
                numbers.append(len(numbers) + 1)
                receive(connection, settings.home, numbers[-1])

    thread = threading.Thread(target=arrive)
    thread.start()
    try:
        while len(numbers) < 5:
            pass
        at_start = len(numbers)
        folder, manifest = backup(settings, url, tmp_path / "to")
    finally:
        stop.set()
        thread.join()
    assert len(numbers) > at_start + 1  # they did arrive meanwhile
    restore(Settings(home=tmp_path / "other", surrogate_secret=None), restored, folder)
    reports = manifest.rows["ops.submission"]
    assert at_start - 1 <= reports < len(numbers)
    assert manifest.rows["raw.column_position"] == reports * ROWS == hashes(restored)["raw.column_position"][0]  # type: ignore[index]


def test_a_filled_home_is_replaced_only_when_asked(
    filled: tuple[Settings, str], kept: Path, new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = new_database()
    settings = Settings(home=tmp_path, surrogate_secret=None)
    other = secret(settings)
    prepare(url)
    with psycopg.connect(url, autocommit=True) as connection:
        receive(connection, tmp_path, 99)
    before = hashes(url)
    with pytest.raises(BackupError, match="--yes"):
        restore(settings, url, kept)
    assert hashes(url) == before
    restore(settings, url, kept, replace=True)
    assert hashes(url) == hashes(filled[1])
    assert secret(settings) == secret(filled[0])
    assert [path.read_text().encode() for path in tmp_path.glob("surrogate_secret.until-*")] == [other]
    assert len(list((tmp_path / "archive").glob("??/*"))) == REPORTS + 1  # received bytes are never deleted


def test_what_is_damaged_newer_or_of_another_secret_is_refused_before_anything_is_touched(
    filled: tuple[Settings, str], kept: Path, new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = new_database()
    settings = Settings(home=tmp_path / "home", surrogate_secret=None)

    def refused(change: Callable[[Path], object], match: str, of: Settings = settings) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(kept, copy)
        change(copy)
        with pytest.raises(BackupError, match=match):
            restore(of, url, copy)
        assert hashes(url) == {}
        assert not settings.home.exists()
        shutil.rmtree(copy)

    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)

    def say(name: str, value: object) -> Callable[[Path], object]:
        def change(folder: Path) -> None:
            manifest = json.loads((folder / "manifest.json").read_text())
            (folder / "manifest.json").write_text(json.dumps(manifest | {name: value}))

        return change

    refused(lambda folder: flip(folder / "warehouse.dump"), "damaged: warehouse.dump")
    refused(lambda folder: flip(next(folder.glob("archive/??/*"))), "damaged: archive")
    refused(lambda folder: next(folder.glob("archive/??/*")).unlink(), "missing")
    refused(lambda folder: (folder / "manifest.json").write_bytes(b'{"format": 1'), "not a whole backup")
    refused(say("migration", "9999"), "newer version")
    refused(say("package_version", "99.0.0"), "newer version")
    refused(say("format", 2), "newer version")
    elsewhere = Settings(home=tmp_path / "home", surrogate_secret=SecretStr("another secret " * 4))
    refused(lambda _: None, "CHUNGTAY_SURROGATE_SECRET", elsewhere)


def test_a_backup_needs_the_bytes_and_the_secret_of_its_warehouse(
    filled: tuple[Settings, str], new_database: Callable[[], str], tmp_path: Path
) -> None:
    original, url = filled
    elsewhere = Settings(home=tmp_path / "elsewhere", surrogate_secret=None)
    with pytest.raises(BackupError, match=f"{REPORTS} received files are not in"):
        backup(elsewhere, url, tmp_path / "to")
    shutil.copytree(original.archive_dir, elsewhere.archive_dir)
    with pytest.raises(BackupError, match="surrogate secret"):
        backup(elsewhere, url, tmp_path / "to")
    assert not list((tmp_path / "to").glob("[!.]*"))
    folder, manifest = backup(elsewhere, url, tmp_path / "to", with_secret=False)
    assert not manifest.holds_secret
    assert not (folder / "surrogate_secret").exists()
    fresh = Settings(home=tmp_path / "fresh", surrogate_secret=None)
    _, has_secret = restore(fresh, new_database(), folder)
    assert not has_secret
    assert not (fresh.home / "surrogate_secret").exists()
    damaged = next(elsewhere.archive_dir.glob("??/*"))
    damaged.chmod(0o600)
    damaged.write_bytes(b"other bytes")
    with pytest.raises(BackupError, match="damaged"):
        backup(elsewhere, url, tmp_path / "to", with_secret=False)
    with pytest.raises(BackupError, match="nothing to back up"):
        backup(elsewhere, new_database(), tmp_path / "to")


def test_a_backup_is_closed_to_others_and_tells_what_it_holds(kept: Path) -> None:
    manifest = read_manifest(kept)
    assert kept.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in kept.iterdir() if path.is_file()} == {
        "manifest.json": 0o600,
        "surrogate_secret": 0o600,
        "warehouse.dump": 0o600,
    }
    assert manifest.rows["ops.submission"] == REPORTS
    assert manifest.rows["mart.dim_colour"] == 1000
    assert not [table for table in manifest.rows if table.startswith("mart_build")]
    assert {"bi_reader", "statistician", "case_worker"} == set(manifest.roles)
