"""Readers during hundreds of publications of real marts: each statement sees one publication in all tables, no other.

Two nights of the small province are made public in turn. Meanwhile readers ask, in one statement, for the number of
rows of every public table and the sums of the main ones: the answer is that of one night or of the other, at once.

    python tests/trials/trial_readers.py [PUBLICATIONS]
"""

import multiprocessing
import sys
from multiprocessing.synchronize import Event
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from small_province import small_province

from ingestion.history import restore

Answer = tuple[object, ...]
_SUMS = (
    "(select sum(value) from mart.fct_indicator)",
    "(select sum(member_count) from mart.fct_household_review)",
    "(select sum(outstanding_vnd) from mart.fct_credit_loan)",
    "(select sum(hashtext(h::text)::bigint) from vault.vault_household as h)",
)


def question(url: str) -> str:
    """One statement over every public table."""
    with psycopg.connect(url) as db:
        tables = db.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname in ('mart', 'vault') order by 1"
        ).fetchall()
    return "select " + ", ".join([*(f"(select count(*) from {table})" for (table,) in tables), *_SUMS])


def read(url: str, asked: str, ended: Event, seen: "multiprocessing.Queue[tuple[int, int, set[Answer]]]") -> None:
    """Ask until it is over; tell how often, how often it was blocked, and all different answers."""
    count, blocked, answers = 0, 0, set[Answer]()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("set lock_timeout = '100ms'")
        while not ended.is_set():
            try:
                answers.add(db.execute(asked.encode()).fetchone() or ())
            except psycopg.errors.LockNotAvailable:
                blocked += 1
            count += 1
    seen.put((count, blocked, answers))


def before_current(db: psycopg.Connection[Answer]) -> int:
    """The last publication but one: what it showed is to be public again."""
    [_, (publication_id,)] = db.execute(
        "select publication_id from ops.publication order by publication_id desc limit 2"
    ).fetchall()
    return int(str(publication_id))


def main(publications: int) -> int:
    """1 if a reader was blocked or saw what was never published."""
    with small_province() as province:
        url = province.url
        asked, known = question(url), set[Answer]()
        processes = multiprocessing.get_context("spawn")
        ended, seen = processes.Event(), processes.Queue()
        readers = [processes.Process(target=read, args=(url, asked, ended, seen)) for _ in range(2)]
        for reader in readers:
            reader.start()
        with psycopg.connect(url, autocommit=True) as db:
            known.add(db.execute(asked.encode()).fetchone() or ())
            for _ in range(publications):
                restore(url, before_current(db))
                known.add(db.execute(asked.encode()).fetchone() or ())
        ended.set()
        told = [seen.get(timeout=60) for _ in readers]
        for reader in readers:
            reader.join()
    asked_times, blocked = sum(count for count, _, _ in told), sum(times for _, times, _ in told)
    mixtures = {answer for _, _, answers in told for answer in answers} - known
    print(f"{publications} publications of {len(known)} states, {asked_times} questions of two readers")
    print(f"{blocked} were blocked, {len(mixtures)} answers were of no publication")
    return int(bool(blocked or mixtures or len(known) != 2))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 300))
