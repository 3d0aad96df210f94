"""A whole build of the warehouse on the province of the benchmark, from `raw` to what is public, and nights after it.

    python tests/benchmarks/bench_build.py [scale]

Builds and tests every layer and publishes, on a server of its own. The floor, measured in the same run, is a copy of
the same raw tables within the database (`create table as`), with nothing computed. Then nights in which one report in a
hundred was sent again, of any data set and period. Fails if the build takes longer than the limit.
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
from province import make_province, send_again

from dbt_project.build import LAYERS, NodeResult, build, seed_if_changed
from ingestion.local.postgres import Server
from ingestion.publish import publish
from ingestion.settings import Settings, get_settings
from ingestion.warehouse import prepare

LIMIT_SECONDS = 300
SLOWEST = 15
NIGHTS = (0.1, 0.2, 0.3)  # seeds


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


# What a correction does to two rows in a hundred of a report.
EDITS = {
    "household_review": "income_per_capita = round(random() * 2000000)",
    "household_member": "has_health_insurance = not has_health_insurance",
    "support_delivery": "amount = amount + 1000",
    "credit_loan": "annual_rate = annual_rate + 0.1",
    "commune_profile": "household_count = household_count + 1",
}


def send_one_percent_again(url: str, seed: float) -> str:
    """One report in force in a hundred is corrected; tells which."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("select setseed(%s)", [seed])
        chosen = db.execute(
            "select submission_id, dataset, period_code, row_count from ops.submission"
            " where status_code in ('accepted', 'accepted_with_findings') order by random()"
            " limit (select count(*) / 100 from ops.submission where status_code like 'accepted%')"
        ).fetchall()
        for submission_id, dataset, _, _ in chosen:
            send_again(db, submission_id, EDITS.get(dataset, ""), share=0.02)
    return ", ".join(f"{dataset} {period} ({rows:,})" for _, dataset, period, rows in chosen)


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
        again = sum(build_and_publish(url)[0].values())
        nights = [(send_one_percent_again(url, seed), *build_and_publish(url)) for seed in NIGHTS]
    whole = sum(parts.values())
    for part, taken in parts.items():
        print(f"{part:16} {taken:7.1f} s")
    print(f"{'raw to mart':16} {whole:7.1f} s   x {whole / floor:.1f} of the floor, a copy of raw ({floor:.1f} s)")
    print(f"{'again':16} {again:7.1f} s   x {again / whole:.3f}   (nothing has changed)")
    for reports, of_night, ran in nights:
        print(f"one percent: {reports}")
        taken = sum(of_night.values())
        print(f"{'':16} {taken:7.1f} s   x {taken / whole:.3f}   of it publishing {of_night['publish']:.1f} s")
        for node in sorted(ran, key=lambda node: -node.seconds)[: SLOWEST // 3]:
            print(f"    {node.seconds:6.1f} s  {node.resource_type:6} {node.name}" + f" {node.rows or 0:,}")
    print("the whole build:")
    for node in sorted(nodes, key=lambda node: -node.seconds)[:SLOWEST]:
        print(f"    {node.seconds:6.1f} s  {node.resource_type:6} {node.name}" + f" {node.rows or 0:,}")
    return int(whole > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
