"""What Airflow itself costs of a night: the share of its wall time in which no step worked.

    python tests/benchmarks/bench_orchestration.py [inbox]

A night from nothing, then one in which every file is a duplicate, through Airflow on a home of its own. A step works
from the moment at which its function begins to the one at which its outcome is written; starting tasks, handing on from
DAG to DAG and waiting are Airflow's. With `--alone` the same two nights run without Airflow, too.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ingestion.local.airflow import Airflow
from ingestion.local.postgres import Server
from ingestion.night import Night, run_night
from ingestion.settings import PROJECT_DIR, Settings

LIMIT = 0.20
"""Most of a night's wall time that may be Airflow's."""
ALONE = "import sys; from ingestion.pipeline import run_night; run_night(sys.argv[1], sys.argv[2])"


def through_airflow(inbox: Path) -> list[Night]:
    """The two nights, through Airflow."""
    settings = Settings(home=_home(), inbox=None, warehouse_url=None)
    airflow = Airflow(settings)
    try:
        airflow.up()
        return [run_night(settings, airflow.server.url(), inbox, lambda *_: None) for _ in range(2)]
    finally:
        airflow.down()
        airflow.server.destroy()
        shutil.rmtree(settings.home)


def alone(inbox: Path) -> list[float]:
    """Seconds of the two nights, each in one process."""
    settings = Settings(home=_home(), inbox=None, warehouse_url=None)
    server = Server(settings.home, settings.pg_bin)
    try:
        server.start()
        environment = os.environ | settings.environment() | {"PYTHONPATH": str(PROJECT_DIR)}
        seconds = []
        for name in ("first", "second"):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", ALONE, name, str(inbox)], env=environment, check=True)
            seconds.append(time.perf_counter() - started)
        return seconds
    finally:
        server.destroy()
        shutil.rmtree(settings.home)


def _home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="chungtay-bench-"))
    home.chmod(0o711)
    return home


def main(inbox: Path, *, with_alone: bool) -> int:
    files = sum(1 for path in inbox.rglob("*") if path.is_file())
    nights = through_airflow(inbox)
    seconds = alone(inbox) if with_alone else []
    for number, night in enumerate(nights):
        share = 1 - night.work_seconds / night.seconds
        print(
            f"{('from nothing', 'nothing new')[number]}: {files} files, {night.seconds:.1f} s,"
            f" {night.work_seconds:.1f} s of work, {share:.0%} Airflow's (at most {LIMIT:.0%})"
            + (f"; {seconds[number]:.1f} s in one process" if seconds else "")
        )
    return 0 if all(night.published for night in nights) else 1


if __name__ == "__main__":
    arguments = [each for each in sys.argv[1:] if each != "--alone"]
    inbox_read = Path(arguments[0]) if arguments else PROJECT_DIR / "examples" / "inbox"
    sys.exit(main(inbox_read.absolute(), with_alone="--alone" in sys.argv))
