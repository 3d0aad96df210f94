"""The gate on a real PostgreSQL and the real Great Expectations: every rule, every verdict, every refusal to judge."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from raw_reports import load_reference_lists

from expectations import gate
from expectations.gate import GateError, build_data_docs, judge, judge_within, pending
from expectations.suites import PROJECT_DIR, SUITES_DIR
from expectations.verdict import Verdict
from ingestion.contract import Form, load_contracts
from ingestion.period import Period
from ingestion.warehouse import prepare

Row = dict[str, Any]
SHEET = "Biểu 01"

HOUSEHOLD: Row = {
    "head_name": "Nguyễn Văn Mẫu",
    "head_sex": "male",
    "head_ethnic_group": "01",
    "commune_code": "07378",
    "commune_name": "Xã Nghĩa Hòa",
    "member_count": 4,
    "area_type": "rural",
    "income_per_capita": 1_000_000,
    "class_reported": "near_poor",
} | {column.name: False for column in load_contracts()["household_review"].columns if column.type == "flag"}
SUPPORT: Row = {
    "policy_code": "health_card_poor",
    "household_code": "07378-00001",
    "status": "delivered",
    "delivered_on": date(2022, 8, 15),
    "amount": 500_000,
}
LOAN: Row = {
    "credit_programme_code": "01",
    "borrower_name": "Nguyễn Văn Mẫu",
    "commune_name": "Xã Nghĩa Hòa",
    "commune_code": "07378",
    "contracted_on": date(2021, 5, 4),
    "term_months": 36,
    "annual_rate": Decimal("6.6"),
    "disbursed_in_period": 0,
    "repaid_in_period": 0,
    "outstanding_in_term": 30_000_000,
    "overdue": 5_000_000,
    "frozen": 1,
    "outstanding": 35_000_001,
}
PROFILE: Row = {
    "household_count": 1000,
    "population": 4000,
    "ethnic_minority_household_count": 10,
    "village_count": 8,
    "villages_with_hardened_road": 8,
    "villages_with_electricity": 8,
    "irrigation_need_ha": Decimal("100.5"),
    "irrigation_met_ha": Decimal("100.5"),
    "labour_force": 2000,
    "trained_labour": 500,
    "vocationally_trained_labour": 100,
    "trained_and_employed": 50,
    "trained_in_year": 60,
}
DEPRIVATIONS = [column.name for column in load_contracts()["household_review"].columns if column.deprivation]


def deprived(count: int) -> Row:
    """The first so many deprivations marked."""
    return dict.fromkeys(DEPRIVATIONS[:count], True)


class Warehouse:
    """A prepared warehouse with the reference lists that rules read; reports are put into it as the reader would."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home
        self.connection = psycopg.connect(url, autocommit=True)

    def submit(
        self,
        dataset: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        sender: str = "huyen-217",
        period: str = "2022",
        standard: str | None = None,
        revision: int = 1,
        row_count: int | None = None,
        unread: Sequence[tuple[int, str, str, str]] = (),
    ) -> int:
        """Load rows as a new report, from row 11 of the sheet on. `unread` is (row, column, value, rule)."""
        standard = standard if standard is not None else "2021-2025" if dataset == "household_review" else ""
        (submission_id,) = self.one(
            "insert into ops.submission (sender_code, dataset, period_code, period_end, standard_code, revision,"
            " sha256, file_name, status_code, row_count, code_version, received_at)"
            " values (%s, %s, %s, %s, %s, %s, gen_random_uuid()::text, 'f.xlsx', 'received', %s, '1', now())"
            " returning submission_id",
            [sender, dataset, period, Period.parse(period).end, standard, revision,
             len(rows) if row_count is None else row_count],
        )  # fmt: skip
        for number, row in enumerate(rows, start=11):
            values = {"submission_id": submission_id, "sheet_name": SHEET, "row_number": number, **row}
            self.connection.execute(
                sql.SQL("insert into raw.{} ({}) values ({})").format(
                    sql.Identifier(dataset),
                    sql.SQL(", ").join(map(sql.Identifier, values)),
                    sql.SQL(", ").join(sql.Placeholder() * len(values)),
                ),
                list(values.values()),
            )
        for row_number, column_name, value, rule in unread:
            self.connection.execute(
                "insert into raw.unread_cell values (%s, %s, %s, %s, %s, %s, %s, %s, 'một số', 'a number')",
                [submission_id, SHEET, row_number, column_name, dataset, f"Z{row_number}", value, rule],
            )
        return int(submission_id)

    def judge(self, dataset: str, *submission_ids: int) -> list[Verdict]:
        return judge(dataset, submission_ids, url=self.url, home=self.home)

    def findings(self, submission_id: int) -> list[Row]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(
                "select * from ops.finding where submission_id = %s order by row_number, rule, column_name",
                [submission_id],
            ).fetchall()

    def status(self, submission_id: int) -> str:
        (status_code,) = self.one("select status_code from ops.submission where submission_id = %s", [submission_id])
        return str(status_code)

    def one(self, statement: str, parameters: Sequence[Any] = ()) -> Any:
        return self.connection.execute(statement.encode(), parameters).fetchone()


@pytest.fixture(scope="module")
def prepared(warehouse_url: str) -> str:
    prepare(warehouse_url)
    with psycopg.connect(warehouse_url) as connection:
        load_reference_lists(connection)
    return warehouse_url


@pytest.fixture
def warehouse(prepared: str, tmp_path: Path) -> Iterator[Warehouse]:
    """No report from another test is in it."""
    made = Warehouse(prepared, tmp_path / "home")
    tables = ["raw.unread_cell", "raw.column_position", "ops.finding", "ops.conservation", "ops.submission"]
    tables += [f"raw.{dataset}" for dataset in load_contracts()]
    made.connection.execute(f"truncate {', '.join(tables)} cascade".encode())
    yield made
    made.connection.close()


def household(number: int, **changes: Any) -> Row:
    return HOUSEHOLD | {"household_code": f"07378-{number:05}"} | changes


def others(count: int) -> list[Row]:
    """Households with nothing wrong, so that one wrong row is not too many."""
    return [household(number) for number in range(101, 101 + count)]


def support(number: int, **changes: Any) -> Row:
    return SUPPORT | {"support_id": f"HS{number}"} | changes


def loan(number: int, **changes: Any) -> Row:
    return LOAN | {"loan_id": f"KU{number}"} | changes


def profile(number: int, **changes: Any) -> Row:
    return PROFILE | {"commune_code": f"{number:05}"} | changes


LINE = 1_500_000  # rural, 2021-2025


def test_the_same_key_in_two_reports_is_no_duplicate(warehouse: Warehouse) -> None:
    first = warehouse.submit("household_review", [household(1)], period="2021")
    second = warehouse.submit("household_review", [household(1)], period="2022")
    verdicts = warehouse.judge("household_review", first, second)
    assert [verdict.status_code for verdict in verdicts] == ["accepted", "accepted"]


def test_unread_cells_are_findings_of_their_own(warehouse: Warehouse) -> None:
    """A required cell that could not be read is not missing besides; where nothing rests on it, it only warns."""
    submission_id = warehouse.submit(
        "household_review",
        [
            household(1, member_count=None),
            household(2, class_reported=None, class_previous=None),
            household(3, dep_water=None, class_reported="poor", poverty_causes=["land"]),
            household(4, commune_code=None),
            household(5),
            household(6, class_reported="poor", poverty_causes=None, income_per_capita=LINE, **deprived(3)),
        ],
        unread=[
            (11, "member_count", "bốn", "unreadable_cell"),
            (12, "class_reported", "Hộ khá", "unknown_code"),
            (12, "class_previous", "Hộ khá", "unknown_code"),
            (13, "dep_water", "có lẽ", "unreadable_cell"),
            (14, "commune_name", "Xã Không Có", "unknown_code"),
            (15, "commune_name", "Xã Không Có", "unknown_code"),
            (16, "poverty_causes", "tại trời", "unknown_code"),
        ],
    )
    warehouse.judge("household_review", submission_id)
    found = [
        (row["row_number"], row["rule"], row["column_name"], row["severity"], row["value"], row["cell"])
        for row in warehouse.findings(submission_id)
        if row["row_number"] is not None
    ]
    assert found == [
        (11, "unreadable_cell", "member_count", "critical", "bốn", "Z11"),
        (12, "unknown_code", "class_previous", "warning", "Hộ khá", "Z12"),
        (12, "unknown_code", "class_reported", "critical", "Hộ khá", "Z12"),
        (13, "unreadable_cell", "dep_water", "critical", "có lẽ", "Z13"),
        (14, "unknown_code", "commune_name", "critical", "Xã Không Có", "Z14"),
        (15, "unknown_code", "commune_name", "warning", "Xã Không Có", "Z15"),
        (16, "unknown_code", "poverty_causes", "warning", "tại trời", "Z16"),
    ]


def test_a_layout_without_a_column_lacks_nothing(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same empty cells are missing in the data set's own layout; and no rule counts what was never asked."""
    contract = load_contracts()["household_review"]
    has = frozenset({"household_code", "commune_code", "income_per_capita", "area_type", "class_reported"})
    export = replace(contract, forms=(*contract.forms, Form("export", columns=has, required=has)))
    monkeypatch.setattr(gate, "load_contracts", lambda: {"household_review": export})
    rows = [{"household_code": f"07378-0000{number}", "commune_code": "07378", "income_per_capita": LINE,
             "area_type": "rural", "class_reported": "poor"} for number in range(3)]  # fmt: skip
    own = warehouse.submit("household_review", rows)
    further = warehouse.submit("household_review", rows, period="2023")
    warehouse.connection.execute("update ops.submission set layout = 'export' where submission_id = %s", [further])
    warehouse.judge("household_review", own, further)
    assert {row["rule"] for row in warehouse.findings(own)} == {"missing_required", "HR-02", "HR-05", "too_many_held"}
    assert warehouse.findings(further) == []


def test_a_layout_that_the_contract_does_not_know_is_refused(warehouse: Warehouse) -> None:
    submission_id = warehouse.submit("household_review", [household(1)])
    warehouse.connection.execute("update ops.submission set layout = 'nonsense'")
    with pytest.raises(GateError, match="no layout 'nonsense'"):
        warehouse.judge("household_review", submission_id)
    assert_nothing_decided(warehouse, submission_id)


def test_a_finding_says_where_what_and_why(warehouse: Warehouse) -> None:
    rows = [loan(1), loan(2, outstanding=35_000_000), loan(3), loan(4), loan(5)]
    submission_id = warehouse.submit("credit_loan", rows, sender="nhcsxh", period="2022-Q3")
    warehouse.connection.execute(
        "insert into raw.column_position values (%s, %s, 'outstanding', 'AB')", [submission_id, SHEET]
    )
    (verdict,) = warehouse.judge("credit_loan", submission_id)
    assert verdict == Verdict(submission_id, "accepted_with_findings", 5, 1, 1)
    (finding,) = warehouse.findings(submission_id)
    assert finding["found_by"] == "judge"
    assert finding["severity"] == "critical"
    assert (finding["sheet_name"], finding["row_number"], finding["cell"]) == (SHEET, 12, "AB12")
    assert finding["value"] == "35000000"
    assert "35.000.000" in finding["message_vi"]
    assert "35.000.001" in finding["message_vi"]
    assert "35,000,001" in finding["message_en"]


def test_a_column_without_known_position_gives_no_cell(warehouse: Warehouse) -> None:
    submission_id = warehouse.submit("household_review", [household(1, member_count=99), *others(4)])
    warehouse.judge("household_review", submission_id)
    assert [row["cell"] for row in warehouse.findings(submission_id)] == [None]


def test_codes_and_dates_are_shown_as_senders_write_them(warehouse: Warehouse) -> None:
    supports = [support(number) for number in range(10)]
    supports[3] |= {"delivered_on": date(2022, 10, 1)}
    supports[4] |= {"status": "refused", "amount": None}
    first = warehouse.submit("support_delivery", supports, sender="sldtbxh", period="2022-Q3")
    warehouse.judge("support_delivery", first)
    own = {"SD-01", "SD-02"}  # the households are in no register: another rule tells that
    outside, undelivered = [finding for finding in warehouse.findings(first) if finding["rule"] in own]
    assert outside["value"] == "01/10/2022"
    assert all(day in outside["message_vi"] for day in ("01/10/2022", "01/07/2022", "30/09/2022"))
    assert "Từ chối" in undelivered["message_vi"]
    second = warehouse.submit("household_review", [household(1, class_reported="not_poor")])
    warehouse.judge("household_review", second)
    (finding,) = warehouse.findings(second)
    assert finding["value"] == "Hộ không nghèo"
    assert "Hộ cận nghèo" in finding["message_vi"]


def test_a_message_names_no_identity_number(warehouse: Warehouse) -> None:
    submission_id = warehouse.submit("household_review", [household(1, head_national_id="98765"), *others(4)])
    warehouse.judge("household_review", submission_id)
    (finding,) = warehouse.findings(submission_id)
    assert finding["value"] == "98765"
    assert "98765" not in finding["message_vi"] + finding["message_en"]


def test_every_failing_row_comes_back(warehouse: Warehouse) -> None:
    count = 750
    rows = [household(number, class_reported="poor", member_count=None, **deprived(3)) for number in range(count)]
    submission_id = warehouse.submit("household_review", rows)
    (verdict,) = warehouse.judge("household_review", submission_id)
    assert verdict.held_row_count == count
    found = [row["rule"] for row in warehouse.findings(submission_id)]
    assert {rule: found.count(rule) for rule in set(found)} == {
        "missing_required": count,
        "HR-05": count,
        "too_many_held": 1,
    }


@pytest.mark.parametrize(
    ("rows", "wrong", "status_code"),
    [(10, 0, "accepted"), (10, 2, "accepted_with_findings"), (5, 1, "accepted_with_findings"), (10, 3, "rejected"),
     (4, 1, "rejected"), (1, 1, "rejected")],
)  # fmt: skip
def test_more_than_a_fifth_of_the_rows_held_is_too_many(
    warehouse: Warehouse, rows: int, wrong: int, status_code: str
) -> None:
    """Two findings in a row hold one row."""
    bad = {"member_count": 99, "income_per_capita": -1}
    report = [household(number, **(bad if number < wrong else {})) for number in range(rows)]
    submission_id = warehouse.submit("household_review", report)
    (verdict,) = warehouse.judge("household_review", submission_id)
    rejected = status_code == "rejected"
    assert verdict == Verdict(submission_id, status_code, rows, wrong, wrong * 2 + rejected)
    assert warehouse.one(
        "select status_code, held_row_count, judged_at is not null from ops.submission where submission_id = %s",
        [submission_id],
    ) == (status_code, wrong, True)
    assert warehouse.one(
        "select rows_in_file, rows_loaded, rows_held, rows_accepted from ops.conservation where submission_id = %s",
        [submission_id],
    ) == (rows, rows, rows if rejected else wrong, 0 if rejected else rows - wrong)
    refusals = [row for row in warehouse.findings(submission_id) if row["rule"] == "too_many_held"]
    assert [(row["severity"], row["row_number"], row["cell"]) for row in refusals] == [
        ("reject", None, None)
    ] * rejected


def test_warnings_hold_nothing(warehouse: Warehouse) -> None:
    submission_id = warehouse.submit("household_review", [household(1, class_reported="not_poor")])
    (verdict,) = warehouse.judge("household_review", submission_id)
    assert verdict == Verdict(submission_id, "accepted_with_findings", 1, 0, 1)


def test_findings_of_the_reader_count_and_stay(warehouse: Warehouse) -> None:
    submission_id = warehouse.submit("household_review", [household(1)])
    warehouse.connection.execute(
        "insert into ops.finding (submission_id, found_by, rule, severity, message_vi, message_en)"
        " values (%s, 'read', 'unknown_heading', 'warning', 'a', 'b')",
        [submission_id],
    )
    (verdict,) = warehouse.judge("household_review", submission_id)
    assert verdict == Verdict(submission_id, "accepted_with_findings", 1, 0, 1)
    assert [row["rule"] for row in warehouse.findings(submission_id)] == ["unknown_heading"]


BAD = {"member_count": 99}


def test_the_latest_accepted_revision_counts(warehouse: Warehouse) -> None:
    first = warehouse.submit("household_review", [household(1)])
    warehouse.judge("household_review", first)
    second = warehouse.submit("household_review", [household(1), household(2)], revision=2)
    other_standard = warehouse.submit("household_review", [household(1)], standard="2016-2020")
    other_period = warehouse.submit("household_review", [household(1)], period="2023")
    other_sender = warehouse.submit("household_review", [household(1)], sender="huyen-218")
    others = [other_standard, other_period, other_sender]
    warehouse.judge("household_review", second, *others)
    assert warehouse.status(first) == "superseded"
    assert warehouse.status(second) == "accepted"
    assert [warehouse.status(submission_id) in ("accepted", "accepted_with_findings", "rejected") for submission_id in
            others] == [True] * 3  # fmt: skip


def test_a_rejected_revision_supersedes_nothing(warehouse: Warehouse) -> None:
    first = warehouse.submit("household_review", [household(1)])
    warehouse.judge("household_review", first)
    second = warehouse.submit("household_review", [household(1, **BAD)], revision=2)
    warehouse.judge("household_review", second)
    assert [warehouse.status(first), warehouse.status(second)] == ["accepted", "rejected"]


def test_several_revisions_judged_at_once(warehouse: Warehouse) -> None:
    first = warehouse.submit("household_review", [household(1)])
    second = warehouse.submit("household_review", [household(1), household(2)], revision=2)
    third = warehouse.submit("household_review", [household(1, **BAD)], revision=3)
    verdicts = warehouse.judge("household_review", third, first, second)
    assert [(verdict.submission_id, verdict.status_code) for verdict in verdicts] == [
        (first, "superseded"),
        (second, "accepted"),
        (third, "rejected"),
    ]


def test_an_earlier_revision_judged_late_does_not_come_into_force(warehouse: Warehouse) -> None:
    first = warehouse.submit("household_review", [household(1)])
    second = warehouse.submit("household_review", [household(1)], revision=2)
    warehouse.judge("household_review", second)
    warehouse.judge("household_review", first)
    assert [warehouse.status(first), warehouse.status(second)] == ["superseded", "accepted"]


def test_pending_lists_what_awaits_judgement(warehouse: Warehouse) -> None:
    assert pending(warehouse.url) == {}
    loans = warehouse.submit("credit_loan", [loan(1)], sender="nhcsxh", period="2022-Q3")
    first = warehouse.submit("household_review", [household(1)])
    second = warehouse.submit("household_review", [household(1)], period="2023")
    assert pending(warehouse.url) == {"credit_loan": [loans], "household_review": [first, second]}
    warehouse.judge("household_review", first)
    assert pending(warehouse.url) == {"credit_loan": [loans], "household_review": [second]}


# --- the gate raises rather than pass what it did not judge ----------------------------------------------------------


@pytest.fixture
def suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The suites, in a folder that a test may spoil."""
    folder = tmp_path / "suites"
    shutil.copytree(SUITES_DIR, folder)
    monkeypatch.setattr(gate, "SUITES_DIR", folder)
    return folder


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def expectations(path: Path) -> list[Row]:
    found: list[Row] = json.loads(path.read_text(encoding="utf-8"))["expectations"]
    return found


def assert_nothing_decided(warehouse: Warehouse, submission_id: int) -> None:
    assert warehouse.status(submission_id) == "received"
    assert warehouse.findings(submission_id) == []
    assert warehouse.one("select count(*) from ops.conservation") == (0,)


def test_an_empty_suite_is_refused(warehouse: Warehouse, suites: Path) -> None:
    submission_id = warehouse.submit("household_review", [household(1)])
    edit(suites / "household_review.json", expectations=[])
    with pytest.raises(GateError, match="empty"):
        warehouse.judge("household_review", submission_id)
    assert_nothing_decided(warehouse, submission_id)


def test_a_missing_suite_is_refused(warehouse: Warehouse, suites: Path) -> None:
    submission_id = warehouse.submit("household_review", [household(1)])
    (suites / "household_review.json").unlink()
    with pytest.raises(GateError, match="no suite"):
        warehouse.judge("household_review", submission_id)
    assert_nothing_decided(warehouse, submission_id)


@pytest.mark.parametrize(("loaded", "row_count"), [(0, 5), (0, 0), (2, 3), (3, 2)])
def test_lost_rows_are_refused(warehouse: Warehouse, loaded: int, row_count: int) -> None:
    complete = warehouse.submit("household_review", [household(1)], period="2023")
    rows = [household(number) for number in range(loaded)]
    submission_id = warehouse.submit("household_review", rows, row_count=row_count)
    with pytest.raises(GateError, match=f"submission {submission_id}: {row_count} rows in the file, {loaded} in raw"):
        warehouse.judge("household_review", complete, submission_id)
    assert_nothing_decided(warehouse, submission_id)
    assert_nothing_decided(warehouse, complete)


def test_nothing_to_judge_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(GateError, match="no report"):
        warehouse.judge("household_review")


def test_a_report_of_another_data_set_is_refused(warehouse: Warehouse) -> None:
    submission_id = warehouse.submit("credit_loan", [loan(1)], sender="nhcsxh", period="2022-Q3")
    with pytest.raises(GateError, match=str(submission_id)):
        warehouse.judge("household_review", submission_id)
    with pytest.raises(GateError, match="987654"):
        warehouse.judge("household_review", 987654)


@pytest.mark.parametrize(
    ("position", "kwargs"),
    [(0, {"column": "no_such_column"}), (-1, {"unexpected_rows_query": "select 1 from {batch} where 1 / 0 = 1"}),
     (-1, {"unexpected_rows_query": "select nonsense"})],
)  # fmt: skip
def test_an_expectation_that_throws_is_refused(warehouse: Warehouse, suites: Path, position: int, kwargs: Row) -> None:
    submission_id = warehouse.submit("household_review", [household(1)])
    spoilt = expectations(suites / "household_review.json")
    spoilt[position]["kwargs"] = kwargs
    edit(suites / "household_review.json", expectations=spoilt)
    with pytest.raises(GateError, match="could not be judged"):
        warehouse.judge("household_review", submission_id)
    assert_nothing_decided(warehouse, submission_id)


def test_a_rule_whose_rows_cannot_be_told_is_refused(warehouse: Warehouse, suites: Path) -> None:
    """Counting rows computes no column: a column that throws shows only when the rows are fetched."""
    submission_id = warehouse.submit("household_review", [household(1)])
    spoilt = expectations(suites / "household_review.json")
    spoilt[-1]["kwargs"] = {"unexpected_rows_query": "select 1 / 0 from {batch}"}
    edit(suites / "household_review.json", expectations=spoilt)
    with pytest.raises(GateError, match="could not be told"):
        warehouse.judge("household_review", submission_id)
    assert_nothing_decided(warehouse, submission_id)


def test_results_that_do_not_cover_the_suite_are_refused(warehouse: Warehouse, suites: Path) -> None:
    submission_id = warehouse.submit("household_review", [household(1)])
    twice = expectations(suites / "household_review.json")
    twice[1]["id"] = twice[0]["id"]  # one of the two can never be told from the other
    edit(suites / "household_review.json", expectations=twice)
    with pytest.raises(GateError, match="results for"):
        warehouse.judge("household_review", submission_id)
    assert_nothing_decided(warehouse, submission_id)


# --- killed, twice, at once ------------------------------------------------------------------------------------------

KILLED = """
import sys
from pathlib import Path
from expectations.gate import judge
judge("household_review", [int(sys.argv[2])], url=sys.argv[1], home=Path(sys.argv[3]))
"""


def outcome(warehouse: Warehouse, submission_id: int) -> tuple[Any, ...]:
    findings = [
        {key: value for key, value in row.items() if key not in ("finding_id", "submission_id")}
        for row in warehouse.findings(submission_id)
    ]
    books = warehouse.one(
        "select s.status_code, s.held_row_count, c.rows_in_file, c.rows_loaded, c.rows_held"
        " from ops.submission as s left join ops.conservation as c using (submission_id) where submission_id = %s",
        [submission_id],
    )
    return findings, books


def test_a_kill_in_the_middle_changes_nothing_in_the_end(warehouse: Warehouse) -> None:
    rows = [household(number, **(BAD if number % 10 == 0 else {})) for number in range(500)]
    undisturbed = warehouse.submit("household_review", rows, period="2023")
    warehouse.judge("household_review", undisturbed)
    submission_id = warehouse.submit("household_review", rows)
    with psycopg.connect(warehouse.url) as blocker:
        blocker.execute("lock table ops.conservation in exclusive mode")  # findings are written, the books are not
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, warehouse.url, str(submission_id), str(warehouse.home)],
            cwd=PROJECT_DIR.parent,
        )
        deadline = time.monotonic() + 120
        waiting = "select count(*) from pg_locks where not granted and relation = 'ops.conservation'::regclass"
        while warehouse.one(waiting) == (0,):
            assert process.poll() is None, "the judge ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert warehouse.status(submission_id) == "received"
    assert pending(warehouse.url) == {"household_review": [submission_id]}
    (verdict,) = warehouse.judge("household_review", submission_id)  # waits for the server to notice the kill
    assert verdict.status_code == "accepted_with_findings"
    assert outcome(warehouse, submission_id) == outcome(warehouse, undisturbed)


def test_judging_again_gives_the_verdict_that_stands(warehouse: Warehouse) -> None:
    submission_id = warehouse.submit(
        "household_review", [household(number) for number in range(4)] + [household(9, **BAD)]
    )
    first = warehouse.judge("household_review", submission_id)
    before = outcome(warehouse, submission_id)
    assert warehouse.judge("household_review", submission_id) == first
    assert outcome(warehouse, submission_id) == before


def test_two_judges_at_once_give_one_verdict(warehouse: Warehouse) -> None:
    submission_id = warehouse.submit(
        "household_review", [household(number) for number in range(4)] + [household(9, **BAD)]
    )
    verdicts: list[list[Verdict]] = []
    judges = [
        threading.Thread(target=lambda: verdicts.append(warehouse.judge("household_review", submission_id)))
        for _ in range(2)
    ]
    for thread in judges:
        thread.start()
    for thread in judges:
        thread.join()
    assert verdicts == [[Verdict(submission_id, "accepted_with_findings", 5, 1, 1)]] * 2
    assert len(warehouse.findings(submission_id)) == 1


def test_great_expectations_does_not_close_the_session_that_it_was_lent(warehouse: Warehouse) -> None:
    """Its engines dispose of their connections when the garbage collector finds them, while the next is judged, too."""
    support = warehouse.submit("support_delivery", [SUPPORT | {"support_id": "1"}])
    loan = warehouse.submit("credit_loan", [LOAN | {"loan_id": "1"}])
    with psycopg.connect(warehouse.url, autocommit=True) as session:
        judge_within(session, [support, loan], home=warehouse.home)
        gc.collect()
        assert not session.closed


def test_data_sets_judged_at_once_do_not_mix(warehouse: Warehouse) -> None:
    reports = {
        "household_review": warehouse.submit("household_review", [household(1, **BAD), *others(4)]),
        "credit_loan": warehouse.submit("credit_loan", [loan(1)], sender="nhcsxh", period="2022-Q3"),
        "commune_profile": warehouse.submit("commune_profile", [profile(1)]),
    }
    judges = [threading.Thread(target=warehouse.judge, args=report) for report in reports.items()]
    for thread in judges:
        thread.start()
    for thread in judges:
        thread.join()
    found = {
        dataset: (warehouse.status(submission_id), {finding["rule"] for finding in warehouse.findings(submission_id)})
        for dataset, submission_id in reports.items()
    }
    assert found == {
        "household_review": ("accepted_with_findings", {"out_of_range"}),
        "credit_loan": ("accepted", set()),
        "commune_profile": ("accepted_with_findings", {"CP-02"}),
    }


# --- what Great Expectations leaves ----------------------------------------------------------------------------------


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_what_is_kept_lies_in_the_home_and_holds_no_value_of_a_report(warehouse: Warehouse, tmp_path: Path) -> None:
    project = files(PROJECT_DIR)
    secret = {"head_name": "Bí Mật", "head_national_id": "98765432109", "household_code": "BIMAT-98765"}
    rows = [household(1, **secret), household(1, **secret, **BAD), household(3)]
    submission_id = warehouse.submit("household_review", rows, unread=[(11, "note", "kín như bưng", "unreadable_cell")])
    warehouse.judge("household_review", submission_id)
    page = build_data_docs(warehouse.home)
    assert page.is_relative_to(warehouse.home / "gx")
    assert "household_review" in page.read_text(encoding="utf-8")
    kept = files(warehouse.home)
    validations = [path for path in kept if "validations" in path.parts and path.suffix in (".json", ".html")]
    assert {path.suffix for path in validations} == {".json", ".html"}
    password = psycopg.conninfo.conninfo_to_dict(warehouse.url)["password"]
    assert password
    hidden = [str(text).encode() for text in (*secret.values(), "kín như bưng", password)]
    assert [(path, text) for path, content in kept.items() for text in hidden if text in content] == []
    assert files(PROJECT_DIR) == project

    other = tmp_path / "other"
    build_data_docs(other)
    assert [path for path in files(other) if "validations" in path.parts] == []


def test_data_docs_keep_the_last_validations(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_VALIDATIONS_KEPT", 2)
    for revision in (1, 2, 3):
        warehouse.judge("household_review", warehouse.submit("household_review", [household(1)], revision=revision))
        warehouse.judge("commune_profile", warehouse.submit("commune_profile", [profile(1)], revision=revision))
    page = build_data_docs(warehouse.home)
    kept = [path for path in files(warehouse.home / "gx" / "validations") if path.suffix == ".json"]
    shown = [path for path in files(page.parent / "validations") if path.suffix == ".html"]
    assert len(kept) == len(shown) == 4
    newest = warehouse.one("select max(submission_id) from ops.submission")
    assert any(str(newest[0]) in str(path) for path in kept)


def test_the_gate_sends_nothing_about_itself() -> None:
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_great_expectations_reads_the_suites_as_they_are_written(tmp_path: Path) -> None:
    context = gate._context(tmp_path)
    for dataset in load_contracts():
        written = expectations(SUITES_DIR / f"{dataset}.json")
        read = context.suites.get(dataset).expectations
        assert [item.id for item in read] == [item["id"] for item in written]
        for item, declared in zip(read, written, strict=True):
            assert item.configuration.type == declared["type"]
            assert {key: item.configuration.kwargs[key] for key in declared["kwargs"]} == declared["kwargs"]
            assert item.meta == declared["meta"]
            assert item.severity.value == declared["severity"]
