"""How fast a workbook with many wrong cells is received, judged and answered.

    python tests/benchmarks/bench_answer.py [rows] [wrong cells]

The answer alone is compared, in the same run, with the usual way of changing a workbook: openpyxl loads it and saves it
again, which loses shapes and the results of formulas, and marks nothing yet.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path

import openpyxl
from bench_read import write_workbook

from dbt_project.build import seed_if_changed
from expectations.gate import judge, pending
from ingestion.answer import answer_pending
from ingestion.local.postgres import Server
from ingestion.receive import IncomingFile, receive_file
from ingestion.settings import Settings
from ingestion.warehouse import create_engine, prepare

LIMIT = 15.0
"""Seconds for 10,000 rows with 1,000 wrong cells, judged and answered."""
RUNS = 2


def spoil(path: Path, wrong: int) -> None:
    """Put text into so many amounts, one in each of the first rows."""
    workbook = openpyxl.load_workbook(path)
    sheet = workbook.worksheets[0]
    headings = [cell.value for cell in sheet[1]]
    column = next(index for index, heading in enumerate(headings, start=1) if "Thu nhập" in str(heading))
    for row in range(2, wrong + 2):
        sheet.cell(row, column).value = "khoảng 1 triệu"
    workbook.save(path)


def main(rows: int, wrong: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="chungtay-bench-"))
    folder.chmod(0o711)
    settings = Settings(home=folder)
    server = Server(folder, settings.pg_bin)
    try:
        server.start()
        url = server.url()
        prepare(url)
        seed_if_changed(url)
        path = folder / "households.xlsx"
        write_workbook(path, rows)
        spoil(path, wrong)
        engine = create_engine(url)
        started = time.perf_counter()
        receive_file(IncomingFile(path, "huyen-220", "2022", path.name), engine, settings)
        received = time.perf_counter()
        while awaiting := pending(url):
            for dataset, ids in awaiting.items():
                judge(dataset, ids, url=url, home=folder)
        judged = time.perf_counter()
        print(f"{rows:,} rows, {path.stat().st_size / 2**20:.1f} MiB", flush=True)
        print(f"received {received - started:.2f} s, judged {judged - received:.2f} s", flush=True)
        answers, usual = [], []
        for _ in range(RUNS):
            with engine.begin() as connection:
                connection.exec_driver_sql("update ops.submission set answered_at = null")
            before = time.perf_counter(), time.process_time()
            [answered] = answer_pending(engine, settings)
            answers.append((time.process_time() - before[1], time.perf_counter() - before[0]))
            before = time.perf_counter(), time.process_time()
            openpyxl.load_workbook(path).save(folder / "usual.xlsx")
            usual.append((time.process_time() - before[1], time.perf_counter() - before[0]))
        engine.dispose()
        (busy, seconds), (usual_busy, usual_seconds) = min(answers), min(usual)
        total = judged - received + seconds
        print(f"answered {seconds:.2f} s (processor {busy:.2f} s), {answered.finding_count:,} findings")
        print(f"openpyxl, load and save {usual_seconds:.2f} s (processor {usual_busy:.2f} s)")
        print(f"the answer takes {busy / usual_busy:.2f} of the processor time of openpyxl")
        print(f"judged and answered {total:.2f} s (limit {LIMIT:g} for 10,000 rows and 1,000 wrong cells)")
        return int(rows <= 10_000 and total > LIMIT)
    finally:
        server.destroy()
        shutil.rmtree(folder)


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[1:3]]
    sys.exit(main(*(counts + [10_000, 1_000][len(counts) :])))
