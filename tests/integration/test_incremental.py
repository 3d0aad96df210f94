"""A build that computes only what changed gives the rows of a rebuild, whatever came, was corrected or withdrawn, in
any order."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from province import make_province, send_again
from psycopg import sql

from dbt_project.build import LAYERS, build, seed_if_changed
from ingestion.local.postgres import Server
from ingestion.publish import publish
from ingestion.settings import get_settings
from ingestion.warehouse import prepare

Db = psycopg.Connection[tuple[object, ...]]


def _of_another(dataset: str, column: str) -> str:
    """What the same row of another sender's report of that time says, if there is one: a household on two lists, one
    national id of two people."""
    return (
        f"coalesce((select other.{column} from accepted.{dataset} as other inner join ops.submission as own"
        " on own.submission_id = revised.submission_id and other.period_code = own.period_code"
        " and other.standard_code = own.standard_code and other.sender_code <> own.sender_code"
        f" where other.row_number = revised.row_number order by other.sender_code limit 1), {column})"
    )


# What a correction may do to a row, in a share of the rows of its report.
EDITS = {
    "household_review": (
        "class_reported = (array['poor', 'near_poor', 'not_poor'])[1 + floor(3 * random())::integer]",
        "member_count = 1 + floor(6 * random())::integer",
        "income_per_capita = round(random() * 2000000)",
        "dep_water = not dep_water",
        "head_national_id = null",
        f"head_national_id = {_of_another('household_review', 'head_national_id')}",
        f"household_code = {_of_another('household_review', 'household_code')}",
        "household_code = left(household_code, 6) || lpad((90000 + floor(9000 * random()))::integer::text, 5, '0')",
        "village_name = 'Thôn ' || floor(5 * random())",
    ),
    "household_member": (
        "national_id = null",
        f"national_id = {_of_another('household_member', 'national_id')}",
        "has_health_insurance = not has_health_insurance",
        "birth_date = birth_date + 400",
        "person_no = person_no + 20",
    ),
    "support_delivery": ("amount = amount + 1000", "status = 'delivered'", "support_id = support_id || 'x'"),
    "credit_loan": ("outstanding = outstanding + 1", "loan_id = loan_id || 'x'", "household_code = null"),
    "commune_profile": ("household_count = household_count + 1",),
    "poor_movement": ('"end" = "end" + 1',),
    "programme_finance": ("disbursed = disbursed + 1",),
    "capacity_activity": ("cost = cost + 1",),
}


class History:
    """Random things that happen to the reports of a warehouse, as receiving and the gate leave them."""

    def __init__(self, db: Db, chance: random.Random) -> None:
        self.db = db
        self.random = chance
        db.execute("select setseed(%s)", [self.random.random()])

    def happen(self) -> str:
        """One of them; tells which."""
        what = self.random.choice(
            ["arrive", "arrive", "correct", "correct", "correct", "correct", "withdraw", "hold", "release", "wait"]
        )
        return f"{what} {getattr(self, what)()}"

    def keep_back(self, share: float) -> None:
        """Some reports have not come yet."""
        self.db.execute(
            "update ops.submission set status_code = 'received' where random() < %s and status_code = 'accepted'",
            [share],
        )

    def arrive(self) -> str:
        return self._turn("received", "accepted", 4)

    def withdraw(self) -> str:
        return self._turn("accepted", "rejected", 1)

    def _turn(self, before: str, after: str, count: int) -> str:
        turned = self.db.execute(
            "update ops.submission set status_code = %s, verdict_code = 'accepted', judged_at = now()"
            " where submission_id in (select submission_id from ops.submission where status_code = %s"
            " order by random() limit %s) returning dataset, period_code",
            [after, before, count],
        ).fetchall()
        return str(turned)

    def _count_held(self) -> None:
        self.db.execute(
            "update ops.submission as s set held_row_count = (select count(*) from ops.held_row as h"
            " where h.submission_id = s.submission_id)"
        )

    def _any(self, *datasets: str) -> tuple[int, str] | None:
        row = self.db.execute(
            "select submission_id, dataset from ops.submission where status_code = 'accepted' and dataset = any(%s)"
            " order by random() limit 1",
            [list(datasets)],
        ).fetchone()
        return None if row is None else (int(str(row[0])), str(row[1]))

    def correct(self) -> str:
        """A later revision of a report, with some rows changed and some lost."""
        dataset = self.random.choice(list(EDITS))
        found = self._any(dataset)
        if found is None:
            return "nothing"
        edit = self.random.choice(EDITS[dataset])
        again = send_again(self.db, found[0], edit, lost=0.02)
        return f"{dataset} {found[0]} -> {again}: {edit}"

    def hold(self) -> str:
        found = self._any("household_review", "household_member", "support_delivery", "credit_loan")
        if found is None:
            return "nothing"
        submission, dataset = found
        self.db.execute(
            sql.SQL(
                "insert into ops.finding (submission_id, found_by, rule, severity, sheet_name, row_number, message_vi,"
                " message_en) select submission_id, 'judge', 'HR-01', 'critical', sheet_name, row_number, '', ''"
                " from {} where submission_id = %s and random() < 0.1"
            ).format(sql.Identifier("raw", dataset)),
            [submission],
        )
        self._count_held()
        return str(found)

    def wait(self) -> str:
        """Days pass: other reports are due, other amounts of the law in force. All reports came before."""
        day = datetime.now(UTC).date() + timedelta(days=self.random.randint(30, 900))
        self.db.execute(
            sql.SQL("alter database {} set chungtay.as_of = {}").format(
                sql.Identifier(self.db.info.dbname), sql.Literal(day.isoformat())
            )
        )
        return day.isoformat()

    def release(self) -> str:
        released = self.db.execute(
            "delete from ops.finding where submission_id = (select submission_id from ops.finding"
            " order by random() limit 1) returning submission_id"
        ).fetchall()
        self._count_held()
        return str(released[:1])


def hashes(url: str) -> dict[str, str]:
    """What each table that a build keeps holds, by name."""
    with psycopg.connect(url) as db:
        names = [
            str(name)
            for (name,) in db.execute(
                "select format('%I.%I', schemaname, tablename) from pg_tables"
                " where schemaname in ('intermediate', 'mart_build', 'mart', 'vault_build', 'vault') order by 1"
            )
        ]
        return {
            name: str(
                db.execute(
                    f"select count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)"
                    f" from (select * from {name}) as t".encode()
                ).fetchone()
            )
            for name in names
        }


def rebuilt(server: Server, url: str) -> dict[str, str]:
    """The same of a warehouse with the same reports in which nothing was ever built."""
    name = url.rsplit("/", 1)[1]
    with psycopg.connect(server.url("postgres"), autocommit=True) as db:
        db.execute(f"drop database if exists {name}_rebuilt with (force)".encode())
        db.execute(f"create database {name}_rebuilt template {name}".encode())
    other = url.replace(name, f"{name}_rebuilt")
    with psycopg.connect(url) as db:
        day = db.execute("select current_setting('chungtay.as_of', true)").fetchone()
    with psycopg.connect(other, autocommit=True) as db:
        if day and day[0]:
            db.execute(f"alter database {name}_rebuilt set chungtay.as_of = '{day[0]}'".encode())
        for schema in ("change", "staging", "intermediate", "mart_build", "vault_build", "mart", "vault"):
            db.execute(f"drop schema {schema} cascade".encode())
    prepare(other)
    for layer in LAYERS:
        build(layer, other)
    return hashes(other)


@pytest.fixture
def warehouse(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """libpq URL of a database of this test's own, that knows the reference lists."""
    monkeypatch.setenv("CHUNGTAY_HOME", str(tmp_path))
    get_settings.cache_clear()
    name = f"incremental_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as db:
        db.execute(f"create database {name}".encode())
    prepare(server.url(name))
    seed_if_changed(server.url(name))
    yield server.url(name)
    get_settings.cache_clear()
    with psycopg.connect(server.url("postgres"), autocommit=True) as db:
        for each in (name, f"{name}_rebuilt"):
            db.execute(f"drop database if exists {each} with (force)".encode())


# two standards in one year; communes instead of districts, under codes that meant others
@pytest.mark.parametrize(("first_year", "last_year"), [(2021, 2022), (2024, 2025)])
def test_what_is_built_from_changes_is_what_a_rebuild_gives(
    server: Server, warehouse: str, first_year: int, last_year: int
) -> None:
    make_province(warehouse, scale=0.004, first_year=first_year, last_year=last_year)
    chance = random.Random(first_year)  # noqa: S311 - a history that can be told again
    told: list[str] = []
    for night in range(5):
        with psycopg.connect(warehouse, autocommit=True) as db:
            history = History(db, chance)
            if night == 0:
                history.keep_back(0.1)
            told += [history.happen() for _ in range(0 if night == 0 else chance.randint(2, 6))]
        for layer in LAYERS:
            build(layer, warehouse)
        publish(warehouse, str(night))
    kept, anew = hashes(warehouse), rebuilt(server, warehouse)
    assert {name for name in anew if kept.get(name) != anew[name]} == set(), told
    assert {name for name in kept if "_build." in name and kept[name] != kept[name.replace("_build.", ".")]} == set()
