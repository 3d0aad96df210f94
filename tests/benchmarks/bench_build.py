"""A whole build of the warehouse on the province of the benchmark, from `raw` to what is public.

    python tests/benchmarks/bench_build.py [scale]

Builds and tests every layer and publishes, on a server of its own. The floor, measured in the same run, is a copy of
the same raw tables within the database (`create table as`), with nothing computed. Fails if the build takes longer than
the limit.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from province import make_province

from dbt_project.build import LAYERS, NodeResult, build, seed_if_changed
from ingestion.local.postgres import Server
from ingestion.publish import publish
from ingestion.settings import Settings, get_settings
from ingestion.warehouse import prepare

LIMIT_SECONDS = 300
SLOWEST = 15


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def copy_raw(url: str, datasets: list[str]) -> None:
    """The floor: the same rows written once more, and nothing else."""
    with psycopg.connect(url, autocommit=True) as connection:
        for dataset in datasets:
            connection.execute(f"create table public.{dataset} as select * from raw.{dataset}".encode())
            connection.execute(f"drop table public.{dataset}".encode())


@contextmanager
def fresh_warehouse() -> Iterator[str]:
    """The URL of an empty warehouse on a server of its own, with the reference lists."""
    home = Path(tempfile.mkdtemp(prefix="chungtay-bench-"))
    home.chmod(0o711)
    server = Server(home, Settings().pg_bin)
    try:
        server.start()
        os.environ["CHUNGTAY_HOME"] = str(home)
        get_settings.cache_clear()
        url = server.url()
        prepare(url)
        seed_if_changed(url)
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        yield url
    finally:
        server.destroy()
        shutil.rmtree(home)


def build_and_publish(url: str) -> tuple[dict[str, float], list[NodeResult]]:
    """A night's second half. Gives the seconds of each part, and the models and tests that it ran."""
    parts: dict[str, float] = {}
    nodes: list[NodeResult] = []
    for layer in LAYERS:
        parts[layer] = seconds(lambda layer=layer: nodes.extend(build(layer, url).nodes))  # type: ignore[misc]
    parts["publish"] = seconds(lambda: publish(url, "first"))
    return parts, nodes


def main(scale: float) -> int:
    with fresh_warehouse() as url:
        made: dict[str, int] = {}
        took = seconds(lambda: made.update(make_province(url, scale=scale)))
        print(f"the province: {sum(made.values()):,} rows in {took:.0f} s: {made}")
        floor = seconds(lambda: copy_raw(url, list(made)))
        parts, nodes = build_and_publish(url)
        again = seconds(lambda: publish(url, "again"))
    whole = sum(parts.values())
    for part, taken in parts.items():
        print(f"{part:16} {taken:7.1f} s")
    print(f"{'raw to mart':16} {whole:7.1f} s   x {whole / floor:.1f} of the floor, a copy of raw ({floor:.1f} s)")
    print(f"{'publish again':16} {again:7.1f} s   (nothing has changed)")
    for node in sorted(nodes, key=lambda node: -node.seconds)[:SLOWEST]:
        print(f"    {node.seconds:6.1f} s  {node.resource_type:6} {node.name}" + f" {node.rows or 0:,}")
    return int(whole > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
