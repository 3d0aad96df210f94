"""A small province in two nights, with all data sets and what goes wrong in life, in a warehouse that may be broken.

In the first night a district, the bank and three agencies have sent a year. For the second one the next year has come,
corrections of the first, the same file twice, an archive, and files that nobody can read.
"""

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import openpyxl
import psutil  # type: ignore[import-untyped]
import psycopg
from disturbed_night import Night
from openpyxl.worksheet.worksheet import Worksheet as Sheet
from psycopg import sql
from state_hash import State, published, state_of

from ingestion.local.postgres import Server, write_private
from ingestion.settings import PROJECT_DIR, Settings

SAMPLES = PROJECT_DIR / "examples" / "inbox"
FIRST = ("huyen-220/2023", "nhcsxh/2023-Q4", "sldtbxh/2023-Q4", "sldtbxh/2023-S2", "bdt/2023-Q4")
SECOND = ("huyen-220/2024", "nhcsxh/2024-Q1", "sldtbxh/2024-Q1", "sgddt/2024-S1")
_SECRET = "a secret of the tests alone, of 32 characters or more"  # noqa: S105
_DATABASE = "warehouse"
_SIZE_MB = 3_000


class SmallProvince:
    """A server and a home, before the second night and after an undisturbed one."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = server
        self.home = folder / "home"
        self.inbox = folder / "inbox"
        self._first_home = folder / "home after the first night"
        _send(self.inbox, FIRST)
        self.home.mkdir()
        write_private(self.home / "surrogate_secret", _SECRET)
        self._run("first")
        self._copy_database(_DATABASE, "after_first")
        self.home.rename(self._first_home)
        self.before = published(self.url)
        _send(self.inbox, SECOND)
        _send_more(self.inbox)
        self.begin_again()
        self._run("second")
        self.undisturbed: State = state_of(self.url, self.home)
        self.after = published(self.url)

    @property
    def url(self) -> str:
        """libpq URL of the warehouse."""
        return self.server.url(_DATABASE)

    def environment(self, url: str | None = None) -> Mapping[str, str]:
        """What a night needs."""
        return {
            "CHUNGTAY_HOME": str(self.home),
            "CHUNGTAY_WAREHOUSE_URL": url or self.url,
        }

    def begin_again(self) -> None:
        """Warehouse and home as after the first night, with the inbox of the second."""
        self._copy_database("after_first", _DATABASE)
        if self.home.exists():
            shutil.rmtree(self.home)
        shutil.copytree(self._first_home, self.home, symlinks=True)

    def finish(self, night_id: str = "finish") -> None:
        """One more whole night, that nothing disturbs."""
        self._run(night_id)

    def kill_server(self) -> None:
        """SIGKILL of the postmaster and of every session."""
        pid = self.server.pid()
        assert pid is not None, "the server was down"
        postmaster = psutil.Process(pid)
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=30)

    def end_sessions(self) -> None:
        """What an administrator does, or a server that shuts down."""
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [_DATABASE])

    def state(self) -> State:
        """The state now."""
        return state_of(self.url, self.home)

    def _run(self, night_id: str) -> None:
        assert Night(self.environment(), night_id, self.inbox).ended_well(), night_id

    def _copy_database(self, source: str, target: str) -> None:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(target)))
            # Copied by WAL, a sequence of the copy goes back to numbers it gave when the server is killed soon after:
            # its page says that they were logged, but that was in the source.
            statement = sql.SQL("create database {} template {} strategy file_copy")
            connection.execute(statement.format(sql.Identifier(target), sql.Identifier(source)))


@contextmanager
def small_province() -> Iterator[SmallProvince]:
    """A small province on a server of its own, all in a small file system of its own where we may mount one (root)."""
    place = Path(tempfile.mkdtemp(prefix="chungtay-test-"))
    is_mounted = os.geteuid() == 0 and _mounted(place)
    place.chmod(0o711)
    options = {"fsync": "off", "shared_buffers": "128MB", "max_wal_size": "128MB", "min_wal_size": "64MB"}
    server = Server(place / "server", Settings().pg_bin, options=options)
    try:
        server.start()
        yield SmallProvince(place, server)
    finally:
        server.destroy()
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)
        shutil.rmtree(place)


def _mounted(place: Path) -> bool:
    options = ["-t", "tmpfs", "-o", f"size={_SIZE_MB}m,mode=711"]
    return subprocess.run(["mount", *options, "chungtay-test", str(place)], check=False).returncode == 0


def _send(inbox: Path, folders: tuple[str, ...]) -> None:
    for folder in folders:
        shutil.copytree(SAMPLES / folder, inbox / folder)


def _send_more(inbox: Path) -> None:
    """Corrections, the same once more, an archive, and what is no report."""
    year = inbox / "huyen-220" / "2023"
    _correct(year / "thong tin xa 2023.xlsx", year / "thong tin xa 2023 (sua).xlsx", _with_a_guess)
    _correct(year / "DS ho ngheo can ngheo 2023.xlsx", year / "DS ho ngheo can ngheo 2023.xlsx", _without_last_row)
    shutil.copy(inbox / "huyen-220" / "2024" / "nhan khau 2024.xlsx", inbox / "huyen-220" / "2024" / "nhan khau.xlsx")
    quarter = inbox / "sxd" / "2024-Q1"
    quarter.mkdir(parents=True)
    with zipfile.ZipFile(quarter / "bao cao.zip", "w") as package:
        for period in ("2024-Q1", "2024-S1"):
            for path in sorted((SAMPLES / "sxd" / period).iterdir()):
                package.write(path, path.name)
    (quarter / "trong.xlsx").touch()
    (quarter / "hong.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    (inbox / "sxd" / "khong thu muc ky.csv").write_text("a;b\n1;2\n")


def _correct(path: Path, corrected: Path, change: Callable[[Sheet], None]) -> None:
    """Save a workbook as corrected, later than all others."""
    workbook = openpyxl.load_workbook(path)
    change(workbook.worksheets[0])
    workbook.save(corrected)
    os.utime(corrected, (corrected.stat().st_mtime + 60,) * 2)


def _without_last_row(sheet: Sheet) -> None:
    rows = [
        number for number, row in enumerate(sheet.iter_rows(), 1) if sum(cell.value is not None for cell in row) > 5
    ]
    sheet.delete_rows(rows[-1])


def _with_a_guess(sheet: Sheet) -> None:
    """A row that will be held."""
    [*_, cell] = [cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, int)]
    cell.value = "khoảng 900"
