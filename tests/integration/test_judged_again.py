"""Reports are judged again when what they are compared with changes: the order of arrival does not matter."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest
from raw_reports import Connection, load_reference_lists, remove_reports, submit

from expectations import gate
from expectations.gate import pending
from expectations.suites import SUITES_DIR
from ingestion import pipeline
from ingestion.settings import PROJECT_DIR, get_settings
from ingestion.warehouse import prepare

STANDARD = "2021-2025"
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def prepared(warehouse_url: str) -> str:
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url, autocommit=True) as connection:
        load_reference_lists(connection)
    return warehouse_url


@pytest.fixture
def db(prepared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """An empty warehouse, judged by the rules that were written by hand: the others compare nothing."""
    for path in SUITES_DIR.glob("*.json"):
        suite = json.loads(path.read_text(encoding="utf-8"))
        ours = [item for item in suite["expectations"] if item["meta"]["rule"].isupper()]
        (tmp_path / path.name).write_text(json.dumps(suite | {"expectations": ours}), encoding="utf-8")
    monkeypatch.setattr(gate, "SUITES_DIR", tmp_path)
    monkeypatch.setattr(pipeline, "build_docs", lambda _: {})  # another test builds them
    monkeypatch.setenv("CHUNGTAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CHUNGTAY_WAREHOUSE_URL", prepared)
    get_settings.cache_clear()
    with psycopg.connect(prepared, autocommit=True) as connection:
        remove_reports(connection)
        yield connection
    get_settings.cache_clear()


def household(number: int, previous: str, now: str, movement: str, members: int = 1) -> dict[str, Any]:
    return {"household_code": f"07645-{number:05}", "commune_code": "07645", "class_previous": previous,
            "class_reported": now, "movement_reported": movement, "poverty_causes": ["land"],
            "member_count": members}  # fmt: skip


def member(household: int, number: int) -> dict[str, Any]:
    return {"household_code": f"07645-{household:05}", "person_no": number, "sex": "male",
            "relation_to_head": "head" if number == 1 else "child"}  # fmt: skip


def support(number: int, household: int) -> dict[str, Any]:
    return {"support_id": f"HS{number}", "household_code": f"07645-{household:05}", "status": "requested",
            "policy_code": "health_card_poor"}  # fmt: skip


def loan(number: int, outstanding: int) -> dict[str, Any]:
    return {"loan_id": f"KU{number}", "outstanding": outstanding, "disbursed_in_period": 0, "repaid_in_period": 10}


def register(db: Connection, rows: Rows, period: str = "2024", revision: int = 1, sender: str = "huyen-220") -> int:
    return submit(db, "household_review", rows, sender=sender, period=period, standard=STANDARD, revision=revision)


def members(db: Connection, rows: Rows, revision: int = 1) -> int:
    return submit(db, "household_member", rows, sender="huyen-220", period="2024", revision=revision)


BEFORE = [
    household(1, "not_poor", "poor", "poor_new"),
    household(2, "not_poor", "near_poor", "near_poor_new"),
    household(3, "not_poor", "poor", "poor_new"),
]
NOW = [
    household(1, "near_poor", "poor", "near_poor_to_poor", 4),  # it was poor: HR-03
    household(2, "near_poor", "near_poor", "stayed", 3),
    household(4, "not_poor", "poor", "poor_new"),  # and household 3 is missing: HR-07
]
PERSONS = [
    *(member(1, number) for number in range(1, 5)),
    *(member(2, number) for number in range(1, 5)),  # one too many: HM-03
    member(4, 1),
    member(9, 1),  # of no household: HM-01
]
ARRIVALS: dict[str, Callable[[Connection], int]] = {
    "register before": lambda db: register(db, BEFORE, "2023"),
    "register": lambda db: register(db, NOW),
    "members": lambda db: members(db, PERSONS),
    "supports": lambda db: submit(
        db, "support_delivery", [support(1, 1), support(2, 9), support(3, 3)], sender="sldtbxh", period="2024-Q4"
    ),
    "loans": lambda db: submit(db, "credit_loan", [loan(1, 100), loan(2, 100)], sender="nhcsxh", period="2024-Q1"),
    "loans after": lambda db: submit(db, "credit_loan", [loan(1, 90), loan(2, 80)], sender="nhcsxh", period="2024-Q2"),
}


def told(db: Connection) -> set[Any]:
    """All that was found and decided, without what tells the order of arrival."""
    findings = db.execute(
        "select s.dataset, s.period_code, s.revision, f.rule, f.severity, f.row_number, f.column_name, f.value,"
        " f.message_vi from ops.finding as f join ops.submission as s using (submission_id)"
    ).fetchall()
    verdicts = db.execute(
        "select s.dataset, s.period_code, s.revision, s.status_code, s.verdict_code, s.judge_again, s.held_row_count,"
        " c.rows_held, c.rows_accepted from ops.submission as s left join ops.conservation as c using (submission_id)"
    ).fetchall()
    return {*findings, *verdicts}


def arrive(db: Connection, nights: Sequence[Sequence[str]]) -> set[Any]:
    remove_reports(db)
    for number, night in enumerate(nights):
        for name in night:
            ARRIVALS[name](db)
        pipeline.judge_pending(f"night {number}")
        assert pending(pipeline.warehouse_url()) == {}
    return told(db)


def status(db: Connection, submission_id: int) -> Any:
    row = db.execute("select status_code from ops.submission where submission_id = %s", [submission_id]).fetchone()
    return row[0] if row else None


def held(db: Connection, submission_id: int) -> list[int]:
    rows = db.execute(
        "select row_number - 10 from ops.held_row where submission_id = %s order by row_number", [submission_id]
    )
    return [number for (number,) in rows]


def test_the_world_of_these_tests_has_findings_that_compare(db: Connection) -> None:
    found = {item[3] for item in arrive(db, [list(ARRIVALS)]) if len(item) == 9 and isinstance(item[3], str)}
    assert {"HR-03", "HR-07", "HM-01", "HM-03", "SD-03", "CL-01"} <= found


@pytest.mark.parametrize(
    "names", [("register before", "register", "members", "supports"), ("register", "loans", "loans after")]
)
def test_the_order_of_arrival_does_not_matter(db: Connection, names: tuple[str, ...]) -> None:
    at_once = arrive(db, [names])
    for order in permutations(names):
        assert arrive(db, [[name] for name in order]) == at_once, order


def test_members_without_their_register_are_refused_until_it_comes(db: Connection) -> None:
    submission_id = members(db, PERSONS)
    pipeline.judge_pending("without")
    assert status(db, submission_id) == "rejected"
    assert len(held(db, submission_id)) == len(PERSONS)
    register(db, NOW)
    pipeline.judge_pending("with")
    assert status(db, submission_id) == "accepted_with_findings"
    assert held(db, submission_id) == [10]


def test_a_household_that_a_correction_removes_holds_its_members_again(db: Connection) -> None:
    register(db, NOW)
    submission_id = members(db, PERSONS)
    pipeline.judge_pending("first")
    assert held(db, submission_id) == [10]
    register(db, NOW[:2], revision=2)
    pipeline.judge_pending("corrected")
    assert held(db, submission_id) == [9, 10]
    books = "select rows_loaded, rows_held, rows_accepted from ops.conservation where submission_id = %s"
    assert db.execute(books, [submission_id]).fetchone() == (10, 2, 8)


def test_an_earlier_revision_counts_again_while_the_later_is_refused(db: Connection) -> None:
    register(db, NOW)
    first = members(db, [member(1, number) for number in range(1, 5)])
    pipeline.judge_pending("first")
    second = members(db, [member(4, 1)], revision=2)
    pipeline.judge_pending("second")
    assert [status(db, first), status(db, second)] == ["superseded", "accepted"]
    register(db, NOW[:2], revision=2)  # without household 4
    pipeline.judge_pending("the register corrected")
    assert [status(db, first), status(db, second)] == ["accepted", "rejected"]
    register(db, NOW, revision=3)
    pipeline.judge_pending("and corrected back")
    assert [status(db, first), status(db, second)] == ["superseded", "accepted"]


def test_a_report_judged_again_to_the_same_end_keeps_its_day(db: Connection) -> None:
    register(db, NOW)
    submission_id = members(db, PERSONS)
    pipeline.judge_pending("first")
    day = "select judged_at from ops.submission where submission_id = %s"
    before = db.execute(day, [submission_id]).fetchone()
    other = {"household_code": "07813-00001", "commune_code": "07813", "class_reported": "not_poor", "member_count": 1}
    register(db, [other], sender="huyen-223")
    counts = pipeline.judge_pending("another district")
    assert counts["household_member"] == [{"submissions": 1, "accepted_with_findings": 1}]
    assert db.execute(day, [submission_id]).fetchone() == before
    register(db, NOW[:2], revision=2)
    pipeline.judge_pending("corrected")
    assert db.execute(day, [submission_id]).fetchone() != before


def test_reports_of_earlier_years_are_left_alone(db: Connection) -> None:
    before = register(db, BEFORE, "2023")
    pipeline.judge_pending("first")
    register(db, NOW)
    gate.judge("household_review", pending(pipeline.warehouse_url())["household_review"],
               url=pipeline.warehouse_url(), home=get_settings().home)  # fmt: skip
    assert db.execute("select judge_again from ops.submission where submission_id = %s", [before]).fetchone() == (
        False,
    )


KILLED = """
import sys
from pathlib import Path
from expectations import gate
from ingestion import pipeline
gate.SUITES_DIR = Path(sys.argv[1])
pipeline.judge_pending("killed")
"""


def test_a_kill_before_a_report_is_judged_again_changes_nothing_in_the_end(db: Connection, tmp_path: Path) -> None:
    undisturbed = arrive(db, [["members"], ["register"]])
    remove_reports(db)
    submission_id = ARRIVALS["members"](db)
    pipeline.judge_pending("first")
    registered = ARRIVALS["register"](db)
    with psycopg.connect(pipeline.warehouse_url()) as blocker:
        blocker.execute("lock table raw.household_member in access exclusive mode")
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=PROJECT_DIR, env=os.environ)
        deadline = time.monotonic() + 120
        waiting = "select count(*) from pg_locks where not granted and relation = 'raw.household_member'::regclass"
        while db.execute(waiting).fetchone() == (0,):
            assert process.poll() is None, "the judge ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert status(db, registered) != "received"
    assert status(db, submission_id) == "rejected"
    assert pending(pipeline.warehouse_url()) == {"household_member": [submission_id]}
    pipeline.judge_pending("again")
    assert told(db) == undisturbed


def test_after_a_rule_changed_old_reports_get_the_new_verdict_without_being_sent(
    db: Connection, tmp_path: Path
) -> None:
    """Of the reports named, and only of those; judging them by the rules as they were gives what it gave."""
    old, now = register(db, BEFORE, "2023"), register(db, NOW)
    pipeline.judge_pending("night")
    before = told(db)
    severity = "select severity from ops.finding where submission_id = %s and rule = 'HR-03'"
    assert db.execute(severity, [now]).fetchall() == [("warning",)]
    assert held(db, now) == []

    pipeline.mark_for_judging("the same rules")
    assert pending(pipeline.warehouse_url()) == {"household_review": [old, now]}
    pipeline.judge_pending("the same rules")
    assert told(db) == before

    suite = json.loads((tmp_path / "household_review.json").read_text(encoding="utf-8"))
    for item in suite["expectations"]:
        if item["meta"]["rule"] == "HR-03":
            item["severity"] = "critical"
    (tmp_path / "household_review.json").write_text(json.dumps(suite), encoding="utf-8")
    assert pipeline.mark_for_judging("new rules", from_period="2024-Q1", sender="huyen-220") == {"submissions": 1}
    assert pending(pipeline.warehouse_url()) == {"household_review": [now]}
    pipeline.judge_pending("new rules")
    assert db.execute(severity, [now]).fetchall() == [("critical",)]
    assert held(db, now) == [1]
    judged = "select judged_at > answered_at or answered_at is null from ops.submission where submission_id = %s"
    assert db.execute(judged, [now]).fetchone() == (True,)  # its sender gets another answer


@pytest.mark.parametrize(
    ("scope", "told_as"),
    [
        ({"dataset": "households"}, "no data set 'households'"),
        ({"from_period": "2024-13"}, "is not a period"),
        ({"to_period": "2022"}, "no report was judged yet that matches"),
        ({"sender": "huyen-999"}, "no report was judged yet that matches"),
    ],
)
def test_what_cannot_be_judged_again_is_said(db: Connection, scope: dict[str, str], told_as: str) -> None:
    submission = register(db, NOW)
    pipeline.judge_pending("night")
    with pytest.raises(pipeline.ScopeError, match=told_as):
        pipeline.mark_for_judging("again", **scope)
    assert db.execute("select judge_again from ops.submission").fetchall() == [(False,)]
    assert status(db, submission) != "received"


def test_who_judges_waits_while_a_warehouse_is_built(db: Connection) -> None:
    submission = register(db, NOW)
    waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    with pipeline.accepted_rows_alone():
        judging = threading.Thread(target=pipeline.judge_pending, args=["day"])
        judging.start()
        while db.execute(waits).fetchone() == (0,):
            assert judging.is_alive()
        assert status(db, submission) == "received"
    judging.join()
    assert status(db, submission) != "received"
