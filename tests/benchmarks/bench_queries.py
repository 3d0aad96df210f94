"""Thirty queries as BI tools write them, on the published province of the benchmark, as the role `bi_reader`.

    python tests/benchmarks/bench_queries.py [scale | URL of a warehouse that holds the province, published]

Each query of `queries/` runs once to warm up and then some times more, by turns. Prints the slowest and, over all runs,
the median, the 95th percentile and the worst. Fails if the 95th percentile is above the limit.
"""

import os
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
from bench_build import build_and_publish, fresh_warehouse
from province import make_province

QUERIES = sorted((Path(__file__).parent / "queries").glob("*.sql"))
LIMIT_MS = 300
REPEATS = 10
SLOWEST = 12


def run(connection: psycopg.Connection[tuple[object, ...]], query: Path) -> tuple[float, int]:
    """Milliseconds until the last row is here, and the number of rows."""
    text = query.read_bytes()
    started = time.perf_counter()
    rows = connection.execute(text).fetchall()
    return 1000 * (time.perf_counter() - started), len(rows)


def main(where: str) -> int:
    with ExitStack() as stack:
        url = where
        if "://" not in where:
            url = stack.enter_context(fresh_warehouse())
            make_province(url, scale=float(where))
            build_and_publish(url)
        connection = stack.enter_context(psycopg.connect(url, autocommit=True))
        connection.execute("set role bi_reader")
        rows = {query.stem: run(connection, query)[1] for query in QUERIES}
        took: dict[str, list[float]] = {query.stem: [] for query in QUERIES}
        for _ in range(REPEATS):
            for query in QUERIES:
                took[query.stem].append(run(connection, query)[0])
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name in sorted(took, key=lambda name: -statistics.median(took[name]))[:SLOWEST]:
        print(f"    {statistics.median(took[name]):6.0f} ms, worst {max(took[name]):6.0f}   {name} ({rows[name]} rows)")
    runs = sorted(each for many in took.values() for each in many)
    p95 = statistics.quantiles(runs, n=20)[-1]
    print(
        f"{len(QUERIES)} queries, {len(runs)} runs: median {statistics.median(runs):.0f} ms, 95th percentile"
        f" {p95:.0f} ms (limit {LIMIT_MS}), worst {runs[-1]:.0f} ms"
    )
    return int(p95 > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "1"))
