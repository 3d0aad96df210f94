"""Going back to a moment: the warehouse server's own settings and programs of docker-compose.yml, on a real server."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict

from ingestion.local.postgres import Server
from ingestion.settings import PROJECT_DIR

PROGRAMS = PROJECT_DIR / "docker" / "postgres"


class Recoverable:
    """A server that archives its log as the one in docker-compose.yml does, and the programs beside it."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.programs, self.recovery = home / "programs", home / "recovery"
        shutil.copytree(PROGRAMS, self.programs)  # where the server's user can reach them
        patch.setenv("PATH", f"{self.programs}:{os.environ['PATH']}")
        patch.setenv("RECOVERY", str(self.recovery))
        command = yaml.safe_load((PROJECT_DIR / "docker-compose.yml").read_text())["services"]["warehouse"]["command"]
        options = dict(part.removeprefix("-c").split("=", 1) for part in command if part.startswith("-carchive"))
        assert options["archive_mode"] == "on"
        self.server = Server(home / "home", options=options)
        for folder in (self.recovery, self.recovery / "wal", self.recovery / "base"):
            folder.mkdir()
            self.server._own(folder)
        self.server.start()

    def ask(self, statement: str) -> list[str]:
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return [str(value) for (value,) in cursor] if cursor.description else []

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One of the programs, as the server's user, with the environment that its container has."""
        server = conninfo_to_dict(self.server.url())
        bin_dir = self.server._reachable_binaries()
        environment = os.environ | {
            "PATH": f"{bin_dir}:{os.environ['PATH']}",
            "PGDATA": str(self.server.data_dir.resolve()),
            "PGHOST": str(server["host"]),
            "PGPORT": str(server["port"]),
            "PGPASSWORD": str(server["password"]),
            "POSTGRES_USER": str(server["user"]),
        }
        account = self.server._account()
        who: dict[str, Any] = (
            {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        )
        command = [str(self.programs / program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment, **who)

    def back_up(self, *arguments: str) -> Path:
        """A base backup; later moments than its end can be reached as soon as the second has passed."""
        done = self.run("base_backup", *arguments)
        assert done.returncode == 0, done.stderr
        made = Path(done.stdout.strip())
        while time.time() < datetime.fromisoformat(made.name).timestamp() + 1:
            time.sleep(0.05)
        return made

    def segments(self) -> list[str]:
        """Names of the archived segments of the log: timeline and number."""
        return [path.name.removesuffix(".gz") for path in (self.recovery / "wal").glob("?" * 24 + ".gz")]

    def recover(self, moment: str) -> None:
        self.server.stop()
        done = self.run("recover_to", moment)
        assert done.returncode == 0, done.stderr
        self.start()

    def start(self) -> None:
        """Start the server and wait until it has recovered."""
        self.server.start()
        while self.ask("select pg_is_in_recovery()") != ["False"]:
            time.sleep(0.05)


@pytest.fixture
def recoverable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recoverable]:
    home = Path(tempfile.mkdtemp(prefix="chungtay-test-"))
    home.chmod(0o711)
    try:
        made = Recoverable(home, monkeypatch)
        yield made
        made.server.destroy()
    finally:
        shutil.rmtree(home)


def test_the_warehouse_comes_back_as_it_was_at_a_moment_and_after_the_loss_of_its_disk(
    recoverable: Recoverable,
) -> None:
    ask = recoverable.ask
    ask("create table change (what text)")
    ask("insert into change values ('before')")
    first = recoverable.back_up()
    ask("insert into change values ('A')")
    (moment,) = ask("select clock_timestamp()")
    ask("insert into change values ('B')")
    assert ask("select what from change") == ["before", "A", "B"]

    recoverable.recover(moment)
    assert ask("select what from change") == ["before", "A"]
    (kept,) = recoverable.server.data_dir.resolve().parent.glob("data.before-*")
    assert (kept / "PG_VERSION").exists()

    # life goes on from there, and is archived under the next timeline
    ask("insert into change values ('C')")
    recoverable.server.stop()
    shutil.rmtree(recoverable.server.data_dir)
    done = recoverable.run("recover_to", "latest")
    assert done.returncode == 0, done.stderr
    recoverable.start()
    assert ask("select what from change") == ["before", "A", "C"]

    # a newer base backup takes the place of the old one, and of the log that only that needed
    segments = set(recoverable.segments())
    second = recoverable.back_up("1")
    assert [path.name for path in (recoverable.recovery / "base").iterdir()] == [second.name]
    assert first.name != second.name
    label = (second / "backup_label").read_text()
    needed = label.split("(file ")[1].split(")")[0]
    gone = segments - set(recoverable.segments())
    assert gone
    # the same numbers in all timelines
    assert max(name[8:] for name in gone) < needed[8:] <= min(name[8:] for name in recoverable.segments())
    ask("insert into change values ('D')")
    recoverable.recover("latest")
    assert ask("select what from change") == ["before", "A", "C", "D"]


def test_what_cannot_be_recovered_is_refused_and_changes_nothing(recoverable: Recoverable) -> None:
    made = recoverable.back_up()
    running = recoverable.run("recover_to", "latest")
    assert running.returncode == 1
    assert "stop it" in running.stderr
    recoverable.server.stop()
    too_early = recoverable.run("recover_to", "2020-01-01 00:00:00+07")
    assert too_early.returncode == 1
    assert made.name in too_early.stderr
    assert recoverable.run("recover_to", "yesterday or so").returncode != 0
    recoverable.server.start()
    assert recoverable.ask("select 1") == ["1"]


def test_a_segment_is_archived_once_and_another_under_its_name_is_refused(recoverable: Recoverable) -> None:
    segment = recoverable.recovery / "segment"
    segment.write_bytes(b"log" * 1000)
    segment.chmod(0o644)
    name = "0000000F0000000000000001"
    assert recoverable.run("archive_wal", str(segment), name).returncode == 0
    assert recoverable.run("archive_wal", str(segment), name).returncode == 0
    segment.write_bytes(b"other")
    assert recoverable.run("archive_wal", str(segment), name).returncode != 0
