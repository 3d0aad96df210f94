"""Starts Airflow's processes for one home: `python -m ingestion.local.airflow_launcher LOGS RECORD LOCK_FD PORT POOLS`.

Importing Airflow is most of its start, so it is imported once, here; then each component is forked off into a session
of its own and runs the same command as `airflow scheduler` and so on would. The scheduler also imports the engines that
tasks use, whose processes it forks. The metadata tables are brought up to date meanwhile, and the pools made as their
file says; components wait for that.
Nothing of Airflow is imported by anything else in this package.
"""

import importlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from ingestion.local.postgres import write_private

_SHARED = (
    "airflow.__main__",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.dag_processing.manager",
    "airflow.jobs.dag_processor_job_runner",
)
_COMPONENTS = {
    "api_server": (("airflow.api_fastapi.main",), ("api-server", "--host", "127.0.0.1", "--workers", "1")),
    "scheduler": (("ingestion.local.engines",), ("scheduler", "--skip-serve-logs")),
    "dag_processor": ((), ("dag-processor",)),
    "triggerer": ((), ("triggerer", "--skip-serve-logs")),
}


def _import(modules: Sequence[str]) -> None:
    for module in modules:
        importlib.import_module(module)


def _run(arguments: Sequence[str]) -> None:
    """Run one `airflow` command in this process, to its end."""
    sys.argv = ["airflow", *arguments]
    importlib.import_module("airflow.__main__").main()


def _fork(
    log_file: Path, lock: int, modules: Sequence[str], commands: Sequence[Sequence[str]], gate: tuple[int, int]
) -> int:
    """Fork a component off; it imports its modules, waits until the gate's other end is closed, then runs."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.setsid()
        os.close(lock)
        os.close(gate[1])
        log = os.open(log_file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        _import(modules)
        if os.read(gate[0], 1) == b"":  # closed without a word: the tables are not ready
            raise SystemExit("the metadata database could not be prepared; see migrate.log")
        for arguments in commands:
            _run(arguments)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        logging.getLogger(__name__).exception("component ended")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def launch(logs: Path, record: Path, lock: int, port: int, pools: Path) -> int:
    """Start everything; gives the exit code, 0 when the components were let go."""
    _import(_SHARED)
    gate = os.pipe()
    ready = os.pipe()
    preparing = (("db", "migrate"), ("pools", "import", str(pools)))
    migration = _fork(logs / "migrate.log", lock, (), preparing, ready)
    pids = {}
    for name, (modules, arguments) in _COMPONENTS.items():
        own = (*arguments, "--port", str(port)) if name == "api_server" else arguments
        pids[name] = _fork(logs / f"{name}.log", lock, modules, [own], gate)
    # a process is known by its number and the moment it was made: numbers are used again
    write_private(record, json.dumps({name: [pid, psutil.Process(pid).create_time()] for name, pid in pids.items()}))
    os.write(ready[1], b"x")
    _, status = os.waitpid(migration, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        return 1
    os.write(gate[1], b"x" * len(pids))
    return 0


if __name__ == "__main__":
    sys.exit(launch(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5])))
