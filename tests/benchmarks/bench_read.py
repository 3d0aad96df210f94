"""How fast a workbook becomes typed rows, against the floor: fastexcel giving the same sheet as text, nothing more.

    python tests/benchmarks/bench_read.py [rows]

Each way is run in a process of its own, by turns, and the best of the runs counts. Ratios are of
processor time (of worker processes too), which a busy machine disturbs less.
"""

import json
import random
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import xlsxwriter

from ingestion.contract import load_contracts

RUNS = 3
COLUMNS = 30
_PROBE = """
import json, os, resource, sys, time
from pathlib import Path
{imports}
start, busy = time.perf_counter(), sum(os.times()[:4])
height = {work}
seconds = time.perf_counter() - start
{end}
busy = sum(os.times()[:4]) - busy
kilobytes = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps([seconds, busy, kilobytes / 1024, height]))
"""
_WAYS = {
    "fastexcel, all as text": (
        "import fastexcel, polars",
        "fastexcel.read_excel({path!r}).load_sheet(0, header_row=None, dtypes='string').to_polars().height - 1",
        "",
    ),
    "read_file, typed": (
        "from ingestion.read import read_file\nfrom ingestion.contract import load_contracts\nload_contracts()",
        "read_file(Path({path!r}), sender_code='huyen-220', period_code='2022')[0].row_count",
        "",
    ),
    "the same apart, with start": (
        "from ingestion.reading.apart import close, read_file_apart",
        "read_file_apart(Path({path!r}), sender_code='huyen-220', period_code='2022')[0].row_count",
        "close()",
    ),
}


def write_workbook(path: Path, rows: int, marked: float = 0.3) -> None:
    """A household list of 30 columns: texts, marks, codes, dates and amounts as districts send them.

    `marked` is the share of the cells for marks that hold one; with 1.0 every cell of the sheet is filled.
    """
    contract = load_contracts()["household_review"]
    columns = [column for column in contract.columns_for("2021-2025") if not column.derived]
    left_out = ["movement_reported", "needs", "note", "village_name", "class_previous"]
    columns = [column for column in columns if column.name not in left_out]
    if len(columns) != COLUMNS:
        raise AssertionError(f"expected {COLUMNS} columns, the contract gives {len(columns)}")
    chance = random.Random(1)  # noqa: S311
    causes = ["Không có lao động", "Không có đất sản xuất; Không có lao động", "Nguyên nhân khác"]
    communes = [("07615", "Thị trấn An Châu"), ("07645", "Xã An Lạc"), ("07660", "Xã An Bá")]
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        for index, column in enumerate(columns):
            sheet.write_string(0, index, column.heading)
        day = workbook.add_format({"num_format": "dd/mm/yyyy"})
        for row in range(1, rows + 1):
            code, name = communes[row % 3]
            for index, column in enumerate(columns):
                match column.name:
                    case "household_code":
                        sheet.write_string(row, index, f"{code}-{row:05d}"[:11])
                    case "head_name":
                        sheet.write_string(row, index, f"Nguyễn Văn {chance.randrange(5000)}")
                    case "head_sex":
                        sheet.write_string(row, index, "Nữ")
                    case "head_birth_date":
                        born = date(1940 + chance.randrange(60), 1 + row % 12, 1 + row % 28)
                        sheet.write_datetime(row, index, born, day)
                    case "head_ethnic_group":
                        sheet.write_string(row, index, "Nùng")
                    case "head_national_id":
                        sheet.write_string(row, index, f"024{chance.randrange(10**9):09d}")
                    case "commune_code":
                        sheet.write_string(row, index, code)
                    case "commune_name":
                        sheet.write_string(row, index, name)
                    case "member_count":
                        sheet.write_number(row, index, 1 + chance.randrange(8))
                    case "area_type":
                        sheet.write_string(row, index, "Nông thôn")
                    case "income_per_capita":
                        sheet.write_number(row, index, 1000 * chance.randrange(300, 2500))
                    case "class_reported":
                        sheet.write_string(row, index, "Hộ nghèo")
                    case "poverty_causes":
                        sheet.write_string(row, index, causes[row % 3])
                    case _:
                        if chance.random() < marked:
                            sheet.write_string(row, index, "x")


def measure(path: Path, way: str) -> tuple[float, float, float, int]:
    """Seconds, seconds of processor time, peak memory in MB, rows."""
    imports, work, end = _WAYS[way]
    code = _PROBE.format(imports=imports, work=work.format(path=str(path)), end=end)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    seconds, busy, memory, height = json.loads(done.stdout)
    return seconds, busy, memory, height


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "households.xlsx"
        write_workbook(path, rows)
        print(f"{rows:,} rows x {COLUMNS} columns, {path.stat().st_size / 2**20:.1f} MiB, best of {RUNS}")
        turns = [(way, measure(path, way)) for _ in range(RUNS) for way in _WAYS]
    floor = 0.0
    for way in _WAYS:
        seconds, busy, memory, height = min(found for other, found in turns if other == way)
        floor = floor or busy
        if height != rows:
            raise AssertionError(f"{way} gave {height} rows of {rows}")
        print(f"{way:26} {seconds:6.2f} s   processor {busy:5.2f} s   x {busy / floor:4.2f}   peak {memory:4.0f} MB")


if __name__ == "__main__":
    main()
