"""The embedded server: whole life of a home, and every manner in which it has been ended badly."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from ingestion.local import postgres
from ingestion.local.postgres import Server, ServerError, binaries, locked, warehouse_url
from ingestion.settings import Settings

SYSTEM_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose server is gone after the test, whatever the test did."""
    place = Path(tempfile.mkdtemp(prefix="chungtay-test-"))
    place.chmod(0o711)
    yield place / "home"
    if (place / "home").exists():
        Server(place / "home").destroy()
    shutil.rmtree(place)


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return None if row is None else row[0]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def kill(server: Server) -> None:
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while server.pid() is not None:
        time.sleep(0.01)


def test_first_start_makes_a_safe_server_with_both_databases(home: Path) -> None:
    server = Server(home)
    server.start()
    assert server.is_running()
    for database in ("warehouse", "airflow"):
        assert ask(server.url(database), "select current_database()") == database
    assert ask(server.url(), "show data_checksums") == "on"
    assert ask(server.url(), "show fsync") == "on"
    assert ask(server.url(), "show listen_addresses") == "127.0.0.1"
    assert ask(server.url(), "show unix_socket_directories") == ""
    assert ask(server.url(), "select 'Z' < 'a' and 'z' < 'à'") is True  # code point order, on every machine
    assert mode(home / "postgres.json") == 0o600
    assert mode(server.data_dir) == 0o700
    assert mode(home) & 0o066 == 0


def test_password_is_asked_for(home: Path) -> None:
    server = Server(home)
    server.start()
    password = json.loads((home / "postgres.json").read_text())["password"]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url().replace(password, "guess"))


def test_start_again_changes_nothing(home: Path) -> None:
    server = Server(home)
    server.start()
    before = (server.pid(), server.url())
    Server(home).start()
    assert (server.pid(), server.url()) == before


def test_two_starts_at_once_give_one_server(home: Path) -> None:
    servers = [Server(home) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Server.start, servers))
    assert len({server.pid() for server in servers}) == 1
    assert len({server.url() for server in servers}) == 1


def test_what_was_committed_survives_a_kill(home: Path) -> None:
    server = Server(home)
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create table kept as select generate_series(1, 10000) as n")
    kill(server)
    server.start()
    assert ask(server.url(), "select count(*) from kept") == 10_000


def test_stop_is_for_this_home_only(home: Path, server: Server) -> None:
    own = Server(home)
    own.start()
    assert own.stop()
    assert not own.is_running()
    assert not own.stop()
    assert server.is_running()


def test_taken_port_is_given_up_for_a_free_one(home: Path) -> None:
    server = Server(home)
    server.start()
    before = server.url()
    server.stop()
    port = json.loads((home / "postgres.json").read_text())["port"]
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        server.start()
        assert server.url() != before
        assert ask(server.url(), "select 1") == 1


def test_process_number_that_is_now_anothers_does_not_stop_a_start(home: Path) -> None:
    server = Server(home)
    server.start()
    lines = (server.data_dir / "postmaster.pid").read_text().splitlines()
    server.stop()
    with subprocess.Popen(["sleep", "60"], user=server.data_dir.stat().st_uid if os.geteuid() == 0 else None) as other:
        try:
            (server.data_dir / "postmaster.pid").write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
            assert server.pid() is None
            assert not server.is_running()
            assert not server.stop()
            server.start()
            assert server.is_running()
            assert other.poll() is None  # and it was left alone
        finally:
            other.kill()


def test_interrupted_creation_is_done_again(home: Path) -> None:
    half = home / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    home.chmod(0o711)
    server = Server(home)
    server.start()
    assert ask(server.url(), "select 1") == 1


def test_lost_password_is_said_and_never_replaced(home: Path) -> None:
    server = Server(home)
    server.start()
    server.stop()
    kept = (home / "postgres.json").read_text()
    (home / "postgres.json").unlink()
    with pytest.raises(ServerError, match="lost"):
        server.start()
    (home / "postgres.json").write_text(kept)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as someone else")
def test_home_that_others_cannot_reach_works_for_root(home: Path) -> None:
    home.mkdir()
    home.chmod(0o700)
    server = Server(home / "inner")
    server.start()
    try:
        assert ask(server.url(), "select 1") == 1
        place = server.folder.resolve()
        assert place.parent == postgres.SYSTEM_DIR
        assert mode(home) == 0o700
        assert Server(home / "inner").url() == server.url()
    finally:
        server.destroy()
    assert not place.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as someone else")
def test_binaries_that_others_cannot_reach_are_copied_for_root(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_is_reachable", lambda path, uid, gid: "home" in path.parts[-1:])
    server = Server(home)
    server.start()
    assert ask(server.url(), "select 1") == 1
    pid = server.pid()
    assert pid is not None
    assert Path(f"/proc/{pid}/exe").readlink().is_relative_to(server.folder.resolve())


def test_the_folder_given_is_the_one_used(home: Path) -> None:
    with pytest.raises(ServerError, match="CHUNGTAY_PG_BIN"):
        binaries(home)


@pytest.mark.skipif(not SYSTEM_15.exists(), reason="no system server of version 15 here")
def test_oldest_version_works(home: Path) -> None:
    server = Server(home, SYSTEM_15)
    server.start()
    assert str(ask(server.url(), "show server_version")).startswith("15")
    assert ask(server.url(), "select 'Z' < 'a' and 'z' < 'à'") is True


def test_url_that_is_set_is_used_and_nothing_is_started(home: Path) -> None:
    url = "postgresql://someone@db.example:5432/warehouse"
    assert warehouse_url(Settings(home=home, warehouse_url=url)) == url
    assert not home.exists()


def test_url_starts_a_server_that_is_down(home: Path) -> None:
    assert ask(warehouse_url(Settings(home=home, warehouse_url=None)), "select current_database()") == "warehouse"


def test_lock_lets_one_in(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        started = time.monotonic()
        with pytest.raises(BlockingIOError), locked(tmp_path / "lock", wait=False):
            pytest.fail("two hold one lock")
        assert time.monotonic() - started < 1
    with locked(tmp_path / "lock", wait=False):
        pass


def test_the_password_changes_also_when_killed_on_the_way(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(home)
    server.start()
    first = server.url()

    def end(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(psycopg, "connect", end)  # before the server knows the new one
        with pytest.raises(KeyboardInterrupt):
            server.change_password()
    assert ask(server.url(), "select 1") == 1
    save = server._save
    with monkeypatch.context() as patch:
        # after the server knows it, before the home does
        patch.setattr(server, "_save", lambda state: save(state) if "next_password" in state else end())
        with pytest.raises(KeyboardInterrupt):
            server.change_password()
    with pytest.raises(psycopg.OperationalError, match="password"):
        ask(server.url(), "select 1")
    server.change_password()
    assert ask(server.url(), "select 1") == 1
    assert server.url() != first
    assert "next_password" not in json.loads((home / "postgres.json").read_text())
    with pytest.raises(psycopg.OperationalError, match="password"):
        ask(first, "select 1")
