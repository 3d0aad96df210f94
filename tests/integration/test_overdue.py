"""`chungtay overdue` on a real warehouse: live, as of any day, before and after anything was built."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from dbt_project.build import seed_if_changed
from ingestion import pipeline
from ingestion.cli import cli
from ingestion.period import Period
from ingestion.settings import get_settings
from ingestion.warehouse import prepare

Overdue = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def home(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("CHUNGTAY_WAREHOUSE_URL", warehouse_url)
        get_settings.cache_clear()
        yield warehouse_url
    get_settings.cache_clear()


@pytest.fixture(scope="module")
def told_when_fresh(home: str) -> list[str]:
    """What the command says before anything is prepared, and before anything has come."""
    said = [run().output]
    prepare(home)
    assert seed_if_changed(home)
    return [*said, run().output, run("--json").output]


@pytest.fixture(scope="module")
def overdue(home: str, told_when_fresh: list[str]) -> Overdue:
    """Lists of Sơn Động (220) for 2022 in three revisions and of Hiệp Hòa (223), late; the bank's quarter."""
    with psycopg.connect(home) as db:
        sent(db, "huyen-220", "household_review", "2022", "2021-2025", "superseded", "2022-12-16", revision=1)
        sent(db, "huyen-220", "household_review", "2022", "2021-2025", "accepted", "2023-02-01", revision=2)
        sent(db, "huyen-220", "household_review", "2022", "2021-2025", "rejected", "2023-02-02")
        sent(db, "huyen-223", "household_review", "2022", "2021-2025", "rejected", "2022-12-19")
        sent(db, "huyen-223", "household_review", "2022", "2021-2025", "accepted", "2023-01-25", revision=1)
        sent(db, "nhcsxh", "credit_loan", "2022-Q4", "", "received", "2023-01-03", revision=1)
        sent(db, "huyen-220", "household_review", "2022", "2021-2025", "duplicate", "2023-03-01")

    def ask(*arguments: str) -> list[dict[str, Any]]:
        result = run("--json", *arguments)
        assert result.exit_code == 0
        return list(json.loads(result.output))

    return ask


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["overdue", *arguments])


def sent(
    db: psycopg.Connection[Any],
    sender: str,
    dataset: str,
    period: str,
    standard: str,
    status: str,
    day: str,
    revision: int | None = None,
) -> None:
    original = db.execute("select min(submission_id) from ops.submission").fetchone() if status == "duplicate" else None
    db.execute(
        "insert into ops.submission (sender_code, dataset, period_code, period_end, standard_code, revision, sha256,"
        " file_name, received_at, status_code, duplicate_of, row_count, code_version)"
        " values (%s, %s, %s, %s, %s, %s, %s, 'x.xlsx', %s, %s, %s, 1, 'test')",
        [
            *(sender, dataset, period, Period.parse(period).end, standard, revision, f"{sender}{period}{day}"),
            *(datetime.fromisoformat(f"{day}T05:00:00").replace(tzinfo=UTC), status, original and original[0]),
        ],
    )


def who(rows: list[dict[str, Any]]) -> set[tuple[str, str, int]]:
    return {(row["sender_code"], row["status_code"], row["days_overdue"]) for row in rows}


def test_a_fresh_home_says_that_nothing_has_come(told_when_fresh: list[str]) -> None:
    unprepared, prepared, as_json = told_when_fresh
    assert unprepared == "Overdue: none; nothing has been received yet: this home has no warehouse\n"
    assert prepared.startswith("Overdue: none; no report has come yet")
    assert json.loads(as_json) == []


def test_nothing_is_overdue_on_the_due_day(overdue: Overdue) -> None:
    assert overdue("--as-of", "2022-12-20", "--dataset", "household_review") == []


def test_missing_and_refused_lists_are_overdue_from_the_next_day(overdue: Overdue) -> None:
    found = overdue("--as-of", "2022-12-21", "--dataset", "household_review")
    assert len(found) == 9  # of ten districts one sent what was accepted later
    assert {("huyen-213", "missing", 1), ("huyen-223", "rejected", 1)} <= who(found)
    assert "huyen-220" not in {row["sender_code"] for row in found}
    assert found[0] | {"received_at": None} == {
        "sender_code": "huyen-213",
        "dataset": "household_review",
        "period_code": "2022",
        "standard_code": "2021-2025",
        "status_code": "missing",
        "due_on": "2022-12-20",
        "days_overdue": 1,
        "received_at": None,
        "revision_count": 0,
        "submission_id": None,
        "sender_name": "Thành phố Bắc Giang",
    }


def test_what_came_since_is_no_longer_overdue_and_a_later_refusal_changes_nothing(overdue: Overdue) -> None:
    found = overdue("--as-of", "2023-02-10", "--dataset", "household_review")
    assert len(found) == 8
    assert {row["sender_code"] for row in found} & {"huyen-220", "huyen-223"} == set()


def test_what_waits_for_its_verdict_is_not_overdue(overdue: Overdue) -> None:
    assert overdue("--as-of", "2023-03-01", "--sender", "nhcsxh") == []
    # of the next quarter nothing came
    assert who(overdue("--as-of", "2023-04-20", "--sender", "nhcsxh")) == {("nhcsxh", "missing", 5)}


def test_today_is_the_default_and_communes_owe_since_2025(overdue: Overdue) -> None:
    found = overdue()
    assert {row["sender_code"][:3] for row in found if row["period_code"] == "2025"} == {"xa-"}
    assert [row["days_overdue"] for row in found] == sorted((row["days_overdue"] for row in found), reverse=True)


def test_the_night_tells_of_what_is_overdue(overdue: Overdue, home: str) -> None:
    late = {row["sender_code"] for row in overdue()}
    assert pipeline.notify("night")["overdue"] == len(overdue())
    assert pipeline.notify("next")["overdue"] == 0
    with psycopg.connect(home) as db:
        told = db.execute("select title_en from ops.notification where kind = 'reports_overdue'").fetchall()
    assert told == [(f"{len(late)} senders are late with {len(overdue())} reports",)]


def test_the_view_comes_back_when_it_is_gone(overdue: Overdue, home: str) -> None:
    before = overdue("--as-of", "2022-12-21")
    with psycopg.connect(home, autocommit=True) as db:
        db.execute("drop view intermediate.int_report__calendar cascade")
    assert overdue("--as-of", "2022-12-21") == before


def test_the_table_names_senders(overdue: Overdue) -> None:
    result = run("--as-of", "2022-12-21", "--sender", "huyen-223")
    assert result.exit_code == 0
    assert "Huyện Hiệp Hòa" in result.output
    assert "rejected" in result.output


def test_a_day_that_is_none_is_refused(overdue: Overdue) -> None:
    result = run("--as-of", "31/12/2022")
    assert result.exit_code == 1
    assert "is not a day" in str(result.exception)
