"""The local Airflow of one home: scheduler, DAG processor, triggerer and API server, on loopback."""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil  # type: ignore[import-untyped]

from ingestion.local.airflow_client import AirflowApiError, AirflowClient
from ingestion.local.postgres import Server, free_port, is_listening, locked, make_home, write_private
from ingestion.settings import PROJECT_DIR, Settings

ADMIN = "admin"
DAGS_DIR = PROJECT_DIR / "dags"
POOLS_FILE = DAGS_DIR / "pools.json"
COMPONENTS = ("api_server", "scheduler", "dag_processor", "triggerer")
HEALTHY = ("metadatabase", "scheduler", "dag_processor", "triggerer")
UP_SECONDS = 180
GRACE_SECONDS = 10


class AirflowError(RuntimeError):
    """Airflow does not start or stop; the message says what it said and where its logs are."""


class Airflow:
    """The Airflow of one home. Its metadata are kept in the home's own PostgreSQL server, wherever the warehouse is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.home = settings.home
        self.server = Server(settings.home, settings.pg_bin)
        self.folder = settings.home / "airflow"
        self.logs = self.folder / "logs"
        self.password_file = self.folder / "passwords.json"
        self._secrets_file = self.folder / "secrets.json"
        self._record = self.folder / "processes.json"

    @property
    def url(self) -> str:
        """Address of the API server and the web interface. Raises AirflowError if it was never started."""
        return f"http://127.0.0.1:{self._secrets()['port']}"

    @property
    def password(self) -> str:
        """Password of the user `admin`."""
        password: str = json.loads(self.password_file.read_text())[ADMIN]
        return password

    def client(self) -> AirflowClient:
        """A session with the API server. Raises AirflowError if Airflow was never started."""
        return AirflowClient(self.url, ADMIN, self.password)

    def processes(self) -> dict[str, int]:
        """Process ids of the components that run now, by name."""
        return {name: pid for name, (pid, created) in self._recorded().items() if _is_made(pid, created)}

    def up(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Start PostgreSQL and Airflow and wait until both are ready; does nothing for what is ready already.

        Airflow is started anew if a component died or its settings changed. Raises AirflowError, ServerError.
        """
        if not DAGS_DIR.is_dir():
            raise AirflowError(f"no DAGs in {DAGS_DIR}: run from a checkout of the project")
        make_home(self.home)
        with locked(self.home / ".stack.lock") as lock:
            self.server.start()
            environment = self._environment()
            recorded = self._recorded()
            if (
                not recorded
                or len(self.processes()) < len(recorded)
                or self._secrets()["started_as"] != _hash(environment)
            ):
                self._start(environment, lock, say)
            self._wait(say)

    def down(self) -> list[str]:
        """Stop what this home started and nothing else; gives the names of what ran.

        Tasks that run are given some seconds, then ended: every step can be run again.
        """
        if not self.home.exists():
            return []
        with locked(self.home / ".stack.lock"):
            stopped = sorted(self.processes())
            self._stop()
            self._record.unlink(missing_ok=True)
            return stopped + (["postgres"] if self.server.stop() else [])

    # -- starting ----------------------------------------------------------------------------------------------------

    def _secrets(self) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = json.loads(self._secrets_file.read_text())
        except FileNotFoundError:
            raise AirflowError(f"Airflow was not started in {self.home} yet: run `chungtay up`") from None
        return kept

    def _save(self, values: dict[str, Any]) -> None:
        write_private(self._secrets_file, json.dumps(values))

    def _environment(self) -> dict[str, str]:
        """The environment of Airflow's processes, with this home's addresses and secrets, which are made if missing."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if not self._secrets_file.exists():
            self._save(
                {
                    "port": free_port(),
                    "started_as": "",
                    "jwt_secret": secrets.token_urlsafe(72),
                    "api_secret": secrets.token_urlsafe(32),
                    "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                }
            )
        if not self.password_file.exists():
            write_private(self.password_file, json.dumps({ADMIN: secrets.token_urlsafe(12)}))
        kept = self._secrets()
        if not self.processes() and is_listening(kept["port"]):
            kept["port"] = free_port()
            self._save(kept)
        url = f"http://127.0.0.1:{kept['port']}"
        database = self.server.url("airflow").removeprefix("postgresql://")
        own = {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW_CONFIG": str(self.folder / "airflow.cfg"),
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(kept["port"]),
            "AIRFLOW__API__SECRET_KEY": kept["api_secret"],
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": kept["jwt_secret"],
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS_DIR),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": kept["fernet_key"],
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": str(max(8, os.cpu_count() or 1)),  # more than pools let work at once
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.password_file),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+psycopg_async://{database}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs),
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
            # what a kill left behind is noticed, and run again, within half a minute
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "CHUNGTAY_HOME": str(self.home),
            "CHUNGTAY_INBOX": str(self._settings.inbox_dir),
            "GX_ANALYTICS_ENABLED": "false",
            "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1"])),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT_DIR), os.environ.get("PYTHONPATH")])),
        }
        return os.environ | own

    def _start(self, environment: dict[str, str], lock: int, say: Callable[[str], None]) -> None:
        """Stop what is left of an earlier start, then start every component."""
        self._stop()
        self._record.unlink(missing_ok=True)
        say("starting Airflow")
        for earlier in self.logs.glob("*.log"):
            earlier.replace(earlier.with_suffix(".log.1"))
        log_file = self.logs / "launcher.log"
        with log_file.open("w") as log:
            # The launcher holds the lock, too: whoever comes while it works waits, even if we were killed.
            done = subprocess.run(
                [sys.executable, "-m", "ingestion.local.airflow_launcher",
                 str(self.logs), str(self._record), str(lock), environment["AIRFLOW__API__PORT"], str(POOLS_FILE)],
                check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=environment,
                pass_fds=[lock], start_new_session=True,
            )  # fmt: skip
        if done.returncode != 0:
            self._stop()
            raise AirflowError(f"Airflow does not start:\n{self._last_words('launcher', 'migrate')}")
        self._save(self._secrets() | {"started_as": _hash(environment)})

    def _wait(self, say: Callable[[str], None]) -> None:
        """Wait until every component is healthy and every DAG file is parsed."""
        wanted = {path.stem for path in DAGS_DIR.glob("*.py")}
        client = self.client()
        deadline = time.monotonic() + UP_SECONDS
        missing, told = "the API server", ""
        while time.monotonic() < deadline:
            dead = sorted(self._recorded().keys() - self.processes().keys())
            if dead:
                self._stop()
                raise AirflowError(f"Airflow's {', '.join(dead)} ended:\n{self._last_words(*dead)}")
            try:
                health = client.health()
                waiting = [name for name in HEALTHY if health.get(name) != "healthy"]
                if not waiting:
                    if errors := client.import_errors():
                        raise AirflowError("\n".join(f"{name} cannot be read:\n{why}" for name, why in errors.items()))
                    waiting = sorted(wanted - client.dag_ids())
                if not waiting:
                    return
                missing = ", ".join(waiting)
            except AirflowApiError:
                missing = "the API server"
            if missing != told:
                say(f"waiting for {missing}")
                told = missing
            time.sleep(0.25)
        raise AirflowError(f"Airflow is not ready after {UP_SECONDS} s: {missing}; logs are in {self.logs}")

    def _last_words(self, *names: str) -> str:
        words = []
        for name in names:
            path = self.logs / f"{name}.log"
            if path.exists():
                words += [f"{path}:", *path.read_text(errors="replace").splitlines()[-15:]]
        return "\n".join(words)

    # -- stopping ----------------------------------------------------------------------------------------------------

    def _recorded(self) -> dict[str, tuple[int, float]]:
        """What was started, by name: process id and the moment it was made (seconds since 1970)."""
        try:
            return {name: (pid, created) for name, (pid, created) in json.loads(self._record.read_text()).items()}
        except FileNotFoundError:
            return {}

    def _members(self) -> list[psutil.Process]:
        """Every living process of the sessions that the components lead; the tasks that they started stay in them."""
        leaders = {pid: created for pid, created in self._recorded().values() if not _is_reused(pid, created)}
        members = []
        for process in psutil.process_iter():
            try:
                leader = os.getsid(process.pid)
                # without its leader, a session's number alone is no proof: what we started works in our folder
                if leader in leaders and (_is_made(leader, leaders[leader]) or process.cwd() == str(self.folder)):
                    members.append(process)
            except (ProcessLookupError, PermissionError, psutil.Error):
                continue
        return [process for process in members if _is_alive(process)]

    def _stop(self) -> None:
        """End the components and all that they started: first ask them, then everything left, then end it."""
        pids = {pid for pid, _ in self._recorded().values()}
        leaders = [process for process in self._members() if process.pid in pids]
        _signal(leaders, psutil.Process.terminate, GRACE_SECONDS)  # the scheduler lets running tasks end meanwhile
        _signal(self._members(), psutil.Process.terminate, 2)
        _signal(self._members(), psutil.Process.kill, GRACE_SECONDS)
        if left := self._members():
            raise AirflowError(f"these processes did not end: {', '.join(str(process.pid) for process in left)}")


def _signal(processes: list[psutil.Process], act: Callable[[psutil.Process], None], seconds: float) -> None:
    """Do this to every process, then wait until they are gone, at most so long."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            act(process)
    deadline = time.monotonic() + seconds
    while any(map(_is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)  # psutil's own wait takes a process that nobody reaps for a living one


def _is_made(pid: int, created: float) -> bool:
    """Whether the process of this number, made at this moment, lives."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - created) < 0.05 and _is_alive(process)
    except psutil.NoSuchProcess:
        return False


def _is_reused(pid: int, created: float) -> bool:
    """Whether this number now belongs to a process that was made at another moment."""
    try:
        return bool(abs(psutil.Process(pid).create_time() - created) >= 0.05)
    except psutil.NoSuchProcess:
        return False


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _hash(environment: dict[str, str]) -> str:
    """One value for all that decides how Airflow's processes behave."""
    own = {name: value for name, value in environment.items() if name.startswith(("AIRFLOW__", "CHUNGTAY_"))}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
