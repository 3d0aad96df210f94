"""Corrections in every order: what counts in the end follows from what came in which order, not from when we looked.

Every story is one report of one sender, told as the files that came for it, one after the other. Each is told several
times over, cut into nights at other places; all senders' nights run side by side, through the real reader and the real
gate.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import psycopg
import pytest
from test_receive import HEADINGS

from dbt_project.build import seed_if_changed
from expectations.gate import judge, pending
from ingestion.period import Period
from ingestion.place import communes_in
from ingestion.receive import incoming_files, receive_file
from ingestion.settings import Settings
from ingestion.warehouse import create_engine, prepare

PERIOD = "2022"
DAY = Period.parse(PERIOD).end
REST = "9188;1692;x;;;;x;9;5;9;239,8;230,3;5053;2303;1381;52;42"

HOUSEHOLDS = {"A": 2100, "B": 2200, "H": 2300}
"""What each row of a file of a kind says. A, B: good; H: one of its rows is held; R: too many are, so it is refused; N:
a column is missing, so it is not even loaded; U: no report at all. A small letter is the same saved again: other bytes,
nothing else."""


def content(kind: str, communes: Sequence[str]) -> bytes:
    """The file of a kind."""
    if kind == "U":
        return "Tên hàng;Giá;Số lượng\r\nGạo;20000;3\r\n".encode()
    households: list[Any] = [{**HOUSEHOLDS, "R": 2400, "N": 2500}[kind.upper()]] * len(communes)
    spoilt = {"H": 1, "R": len(communes) // 2}.get(kind.upper(), 0)
    households[:spoilt] = ["khoảng 900"] * spoilt
    headings = HEADINGS.replace("Dân số", "Cột khác") if kind.upper() == "N" else HEADINGS
    lines = [headings, *(f"{code};;{count};{REST}" for code, count in zip(communes, households, strict=True))]
    return ("\n" if kind.islower() else "\r\n").join(lines).encode("utf-16" if kind.islower() else "utf-8")


@dataclass(frozen=True)
class End:
    """How a story ends: status of each revision, who refers to which as its duplicate, files that were not loaded, the
    households of an accepted row, and the rows accepted and held."""

    revisions: tuple[str, ...]
    duplicates: frozenset[tuple[str, int]]
    refused: int
    households: int | None
    accepted: int
    held: int


def end_of(story: Sequence[str], row_count: int) -> End:
    """What must be, told without the code under test."""
    first: dict[str, int | None] = {}  # by bytes: the revision that they are, None where nothing was loaded
    revisions: list[str] = []
    duplicates = set()
    refused = 0
    for number, kind in enumerate(story):
        if kind in first:
            if (revision := first[kind]) is not None:
                duplicates.add((file_name(number), revision))
            continue
        if kind in "NU":
            first[kind], refused = None, refused + 1
        elif revisions and revisions[-1].upper() == kind.upper():
            first[kind] = len(revisions)
            duplicates.add((file_name(number), len(revisions)))
        else:
            revisions.append(kind)
            first[kind] = len(revisions)
    in_force = max((number for number, kind in enumerate(revisions) if kind.upper() != "R"), default=None)
    statuses = tuple(
        "rejected"
        if kind.upper() == "R"
        else "superseded"
        if number != in_force
        else "accepted_with_findings"
        if kind.upper() == "H"
        else "accepted"
        for number, kind in enumerate(revisions)
    )
    held = 0 if in_force is None else int(revisions[in_force].upper() == "H")
    households = None if in_force is None else HOUSEHOLDS[revisions[in_force].upper()]
    return End(statuses, frozenset(duplicates), refused, households, 0 if in_force is None else row_count - held, held)


def file_name(number: int) -> str:
    """Names that sort against the order in which the files came."""
    return f"{'zyxwv'[number]} thong tin xa.csv"


STORIES: list[tuple[str, ...]] = [
    *permutations("ABRH"),
    *permutations("ABa", 3),
    *permutations("ARr", 3),
    *(("A", *rest) for rest in permutations("NUB")),
    *permutations("HRB", 2),
    ("A", "B", "A", "B"),  # the bytes of an earlier revision again are no new one
    ("A", "B", "a", "B"),  # said in other bytes they are
    ("A", "a", "B", "a"),
    ("R", "R", "r", "A"),
    ("U", "N", "R"),
    ("U", "U", "U"),
    ("H", "h", "A", "H"),
]


def cuts(story: Sequence[str]) -> list[tuple[int, ...]]:
    """Nights on which the files of a story come: all in the first, one a night; two a night where one repeats."""
    several = [tuple(number // 2 for number in range(len(story)))] if len({*map(str.upper, story)}) < len(story) else []
    return [(0,) * len(story), tuple(range(len(story))), *several]


TOLD = [(story, cut) for story in STORIES for cut in cuts(story)]
Told = tuple[str, ...]


@dataclass(frozen=True)
class Warehouse:
    """The warehouse after the last night, and the sender and the rows of each telling."""

    url: str
    senders: Mapping[tuple[Told, tuple[int, ...]], tuple[str, int]]

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement, values).fetchall()


def districts() -> Iterator[tuple[str, list[str]]]:
    """(district, its communes): those where one commune is less than a fifth."""
    by_district: dict[str, list[str]] = {}
    for unit in communes_in(None, DAY).units:
        by_district.setdefault(unit.parent_code, []).append(unit.code)
    yield from ((code, found) for code, found in sorted(by_district.items()) if 6 <= len(found) <= 16)


@pytest.fixture(scope="module")
def warehouse(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    prepare(warehouse_url)
    seed_if_changed(warehouse_url)
    engine = create_engine(warehouse_url)
    senders, coming = {}, []
    for (story, cut), (district, communes) in zip(TOLD, districts(), strict=False):
        senders[tuple(story), cut] = f"huyen-{district}", len(communes)
        folder = settings.inbox_dir / f"huyen-{district}" / PERIOD
        folder.mkdir(parents=True)
        coming += [
            (night, folder / file_name(number), content(kind, communes), number)
            for number, (kind, night) in enumerate(zip(story, cut, strict=True))
        ]
    assert len(senders) == len(TOLD)
    for night in range(1 + max(night for night, *_ in coming)):
        for arriving, path, sent, number in coming:
            if arriving == night:
                path.write_bytes(sent)
                os.utime(path, (1_670_000_000 + number,) * 2)
        for file in incoming_files(settings.inbox_dir):  # those of the nights before lie there still
            receive_file(file, engine, settings)
        for dataset, submissions in pending(warehouse_url).items():
            judge(dataset, submissions, url=warehouse_url, home=settings.home)
    engine.dispose()
    return Warehouse(warehouse_url, senders)


@pytest.mark.parametrize("story", list(dict.fromkeys(map(tuple, STORIES))), ids="".join)
def test_what_counts_in_the_end(story: Told, warehouse: Warehouse) -> None:
    for cut in cuts(story):
        sender, row_count = warehouse.senders[story, cut]
        loaded = warehouse.query(
            "select revision, status_code from ops.submission where sender_code = %s and revision is not null"
            " order by revision",
            sender,
        )
        duplicates = warehouse.query(
            "select d.file_name, o.revision from ops.submission d"
            " join ops.submission o on o.submission_id = d.duplicate_of"
            " where d.sender_code = %s and o.revision is not null and d.file_name <> o.file_name",
            sender,
        )
        [(refused,)] = warehouse.query(
            "select count(*) from ops.submission"
            " where sender_code = %s and revision is null and status_code = 'rejected'",
            sender,
        )
        accepted = warehouse.query(
            "select household_count from accepted.commune_profile where sender_code = %s", sender
        )
        [(held,)] = warehouse.query(
            "select count(distinct h.row_number) from ops.held_row h join ops.submission s using (submission_id)"
            " where s.sender_code = %s and s.status_code in ('accepted', 'accepted_with_findings')",
            sender,
        )
        assert [number for number, _ in loaded] == list(range(1, len(loaded) + 1))
        found = End(
            revisions=tuple(status for _, status in loaded),
            duplicates=frozenset(duplicates),
            refused=refused,
            households=next((count for (count,) in accepted), None),
            accepted=len(accepted),
            held=held,
        )
        assert found == end_of(story, row_count), cut
        assert len(set(accepted)) <= 1


def test_old_revisions_stay_as_they_were_sent(warehouse: Warehouse) -> None:
    sender, row_count = warehouse.senders[("A", "B", "H", "R"), (0, 1, 2, 3)]
    rows = warehouse.query(
        "select s.revision, count(*), max(p.household_count) from ops.submission s"
        " join raw.commune_profile p using (submission_id) where s.sender_code = %s group by 1 order by 1",
        sender,
    )
    assert rows == [(1, row_count, 2100), (2, row_count, 2200), (3, row_count, 2300), (4, row_count, 2400)]


def test_the_books_balance(warehouse: Warehouse) -> None:
    assert warehouse.query("select count(*) from ops.submission where status_code = 'received'") == [(0,)]
    unbalanced = warehouse.query(
        "select s.submission_id from ops.submission s left join ops.conservation c using (submission_id)"
        " where s.revision is not null and (c.rows_in_file, c.rows_loaded) is distinct from (s.row_count, s.row_count)"
    )
    assert unbalanced == []
