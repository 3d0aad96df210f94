"""How fast a workbook becomes rows of `raw`, against the floor and against the usual way.

    python tests/benchmarks/bench_load.py [rows]

The floor reads the sheet as text with fastexcel, copies it into a table of texts and commits, and nothing more: no
types, no codes, no addresses. The usual way is `pandas.read_excel` with openpyxl and `to_sql`, with both drivers,
measured on a tenth of the rows and scaled. Each way runs in a process of its own that has taken in a file of ten rows
before, as one of a night has; by turns, against one server; the median counts.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
from bench_read import COLUMNS, write_workbook

from ingestion.local.postgres import Server
from ingestion.settings import Settings
from ingestion.warehouse import prepare

RUNS = 3
_PROBE = """
import json, resource, sys, time
from pathlib import Path
path, tiny, url, folder = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
{imports}
{work}(tiny)
start = time.perf_counter()
rows = {work}(path)
seconds = time.perf_counter() - start
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, rows]))
"""
FLOOR = """
import io, fastexcel, polars, psycopg
def floor(path):
    frame = fastexcel.read_excel(path).load_sheet(0, header_row=None, dtypes="string").to_polars()
    columns = ", ".join(f"c{i} text" for i in range(frame.width))
    with psycopg.connect(url) as db:
        db.execute(f"drop table if exists floor; create table floor ({columns})")
        buffer = io.BytesIO()
        frame.write_csv(buffer, include_header=False)
        with db.cursor().copy("copy floor from stdin (format csv)") as copy:
            copy.write(buffer.getbuffer())
        return db.execute("select count(*) - 1 from floor").fetchone()[0]
"""
OURS = """
from ingestion.receive import IncomingFile, receive_file
from ingestion.settings import Settings
from ingestion.warehouse import create_engine
def ours(path):
    file = IncomingFile(path, "huyen-220", "2022", path.name)
    return receive_file(file, create_engine(url), Settings(home=folder))[0].row_count
"""
USUAL = """
import pandas, sqlalchemy
def usual(path):
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+{driver}://"))
    frame = pandas.read_excel(path, engine="openpyxl")
    frame.to_sql("usual", engine, if_exists="replace", index=False)
    return len(frame)
"""
WAYS = {"floor: fastexcel + COPY": (FLOOR, "floor"), "file to raw": (OURS, "ours")}


def measure(imports: str, work: str, path: Path, tiny: Path, url: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of one way, in a process of its own."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            "truncate ops.submission, ops.finding, ops.conservation, raw.unread_cell, raw.column_position,"
            " raw.household_review"
        )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE.format(imports=imports, work=work), str(path), str(tiny), url, folder],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
    seconds, memory, rows = json.loads(done.stdout)
    if not rows:
        raise AssertionError("nothing was loaded")
    return seconds, memory


def compare(rows: int, marked: float, url: str, folder: Path) -> None:
    """Print seconds, peak memory and ratios for one workbook."""
    large, small, tiny = (folder / f"{name}.xlsx" for name in ("households", "tenth", "tiny"))
    write_workbook(large, rows, marked)
    write_workbook(small, rows // 10, marked)
    write_workbook(tiny, 10, marked)
    turns = [(way, measure(*WAYS[way], large, tiny, url)) for _ in range(RUNS) for way in WAYS]
    usual = {
        driver: measure(USUAL.replace("{driver}", driver), "usual", small, tiny, url)[0] * 10
        for driver in ("psycopg", "psycopg2")
    }
    median = {way: statistics.median(found[0] for other, found in turns if other == way) for way in WAYS}
    floor, ours = median.values()
    print(f"{rows:,} rows x {COLUMNS} columns, {marked:.0%} of the marks set, median of {RUNS}")
    for way in WAYS:
        memory = max(found[1] for other, found in turns if other == way)
        print(f"{way:24} {median[way]:7.2f} s   x {median[way] / floor:5.2f} of the floor   peak {memory:4.0f} MB")
    for driver, seconds in usual.items():
        print(f"{f'pandas, {driver}':24} {seconds:7.2f} s   x {seconds / ours:5.1f} of file to raw (scaled)")


def main() -> None:
    """Compare on a list as districts send it, and on one in which every cell is filled."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    home = Path(tempfile.mkdtemp(prefix="chungtay-bench-"))
    home.chmod(0o711)
    server = Server(home, Settings().pg_bin)
    try:
        server.start()
        with psycopg.connect(server.url("postgres"), autocommit=True) as db:
            db.execute("create database bench")
        url = server.url("bench")
        prepare(url)
        for marked in (0.3, 1.0):
            compare(rows, marked, url, home)
    finally:
        server.destroy()
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
