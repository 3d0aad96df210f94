"""`chungtay status` as an operator runs it, a process each time, on the published province of the benchmark.

    python tests/benchmarks/bench_status.py [scale | URL of a warehouse that holds the province, published]

Prints the seconds that it took, and how many of them its own process computed. Fails if the median is above the limit.
"""

import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench_build import build_and_publish, fresh_warehouse
from province import make_province

CHUNGTAY = Path(sys.executable).with_name("chungtay")
LIMIT_SECONDS = 1.0
RUNS = 9


def main(where: str) -> int:
    with ExitStack() as stack:
        url = where
        if "://" not in where:
            url = stack.enter_context(fresh_warehouse())
            make_province(url, scale=float(where))
            build_and_publish(url)
        environment = os.environ | {"CHUNGTAY_WAREHOUSE_URL": url}
        took, computed = [], []
        for _ in range(RUNS):
            before, started = os.times(), time.perf_counter()
            said = subprocess.run([CHUNGTAY, "status"], env=environment, capture_output=True, text=True).stdout
            took.append(time.perf_counter() - started)
            after = os.times()
            computed.append(after.children_user + after.children_system - before.children_user - before.children_system)
    print(said)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    median = statistics.median(took)
    print(
        f"{RUNS} runs: median {median:.2f} s (limit {LIMIT_SECONDS:.0f}), {statistics.median(computed):.2f} s of it"
        f" computed by itself; best {min(took):.2f} s, worst {max(took):.2f} s"
    )
    return int(median > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "1"))
