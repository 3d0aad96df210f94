"""Each kind of defect gives exactly its rule at its cell, holds exactly its rows, and loses nothing.

Every case is one report of its own sender with one thing wrong. All go through the reader and the gate together, into
one database; then each is looked at.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from province_maker import Province, Row, reference
from report_maker import Grid, Manner, lay_out, write_xlsx

from dbt_project.build import seed_if_changed
from expectations.gate import judge, pending
from ingestion import receive
from ingestion.settings import Settings
from ingestion.warehouse import create_engine, prepare

PERIODS = {
    "household_review": "2022",
    "commune_profile": "2022",
    "support_delivery": "2022-Q3",
    "credit_loan": "2022-Q3",
}
AT = 3  # the row that is spoilt, of twelve
Found = tuple[str, str, int, str]  # rule, severity, row, column of the cell


@dataclass(frozen=True)
class Case:
    """One defect: what is written into which cells (row, column), and what must be found there."""

    dataset: str
    name: str
    cells: Mapping[tuple[int, str], Any]
    found: frozenset[Found]
    manner: Manner = field(default_factory=Manner)
    truth: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held(self) -> set[int]:
        """The rows that must not go on."""
        return {row for _, severity, row, _ in self.found if severity == "critical"}


def case(
    dataset: str,
    column: str,
    written: Any,
    rule: str,
    severity: str = "critical",
    manner: Manner | None = None,
    **truth: Any,
) -> Case:
    """A case of one spoilt cell; `truth` is what the row holds elsewhere."""
    found = frozenset({(rule, severity, AT, column)})
    return Case(dataset, f"{column}={written}", {(AT, column): written}, found, manner or Manner(), truth)


def critical(*found: tuple[str, int, str]) -> frozenset[Found]:
    """Findings (rule, row, column) that hold their rows."""
    return frozenset((rule, "critical", row, column) for rule, row, column in found)


H, P, S, L = "household_review", "commune_profile", "support_delivery", "credit_loan"
DELIVERED: Row = {
    "status": "delivered",
    "delivered_on": date(2022, 8, 15),
    "decided_on": date(2022, 8, 1),
    "amount": Decimal(500_000),
}
APPROVED: Row = {**DELIVERED, "status": "approved", "delivered_on": None, "amount": None}
BALANCED: Row = {
    "outstanding_in_term": Decimal(30_000_000),
    "overdue": Decimal(0),
    "frozen": Decimal(0),
    "outstanding": Decimal(30_000_000),
}
POOR: Row = {
    "class_reported": "poor",
    "income_per_capita": Decimal(500_000),
    "area_type": "rural",
    "poverty_causes": ["no_land"],
    "dep_water": True,
    "dep_toilet": True,
    "dep_telecom": True,
}

CASES = [
    # households: cells
    case(H, "income_per_capita", "một triệu", "unreadable_cell"),
    case(H, "income_per_capita", "1.2.3", "unreadable_cell"),
    case(H, "income_per_capita", "'#REF!", "unreadable_cell"),
    case(H, "income_per_capita", "=A1*2", "unreadable_cell"),
    case(H, "income_per_capita", None, "missing_required"),
    case(H, "income_per_capita", -5_000, "out_of_range", **POOR),
    case(H, "income_per_capita", 25_000_000, "out_of_range", class_reported="not_poor"),
    case(H, "member_count", "ba người", "unreadable_cell"),
    case(H, "member_count", 2.5, "unreadable_cell"),
    case(H, "member_count", 0, "out_of_range"),
    case(H, "member_count", 31, "out_of_range"),
    case(H, "member_count", datetime(2022, 3, 4), "unreadable_cell"),  # noqa: DTZ001 - as a spreadsheet spoils 3/4
    case(H, "head_sex", "Nma", "unknown_code"),
    case(H, "head_ethnic_group", "Táy", "unknown_code"),
    case(H, "head_ethnic_group", 99, "unknown_code"),
    case(H, "area_type", None, "missing_required"),
    case(H, "class_reported", "Hộ khá giả", "unknown_code"),
    case(H, "class_previous", "Hộ khá giả", "unknown_code", "warning"),
    case(H, "movement_reported", "Đi xa", "unknown_code", "warning"),
    case(H, "poverty_causes", "Lười lao động", "unknown_code", "warning", **POOR),
    case(H, "needs", "Vay vốn ưu đãi; Xe máy", "unknown_code", "warning"),
    case(H, "dep_water", "có thể", "unreadable_cell"),
    case(H, "is_merit_family", 7, "unreadable_cell"),
    case(H, "head_birth_date", "31/02/1980", "unreadable_cell", "warning"),
    case(H, "head_birth_date", "khoảng 1980", "unreadable_cell", "warning"),
    case(H, "head_birth_date", "15/13/1980", "unreadable_cell", "warning"),
    case(H, "head_national_id", 1.23e15, "unreadable_cell", "warning"),
    case(H, "head_national_id", "1.23E+11", "unreadable_cell", "warning"),
    case(H, "head_national_id", "0123", "out_of_range"),
    case(H, "household_code", None, "missing_required"),
    case(H, "household_code", "hộ số 5", "out_of_range"),
    case(H, "head_name", None, "missing_required"),
    # households: rows
    case(H, "commune_code", "07615", "HR-01"),
    case(H, "commune_code", "99999", "HR-01"),
    case(H, "commune_name", "Xã Không Đâu", "unknown_code", manner=Manner(places="name")),
    case(H, "class_reported", "Hộ không nghèo", "HR-02", "warning", **POOR),
    case(H, "poverty_causes", None, "HR-05", "warning", **POOR),
    # profiles
    Case(
        P,
        "no commune",
        {(3, "commune_code"): None, (3, "commune_name"): None},
        critical(("missing_required", 3, "commune_code")),
    ),
    case(P, "household_count", "khoảng 900", "unreadable_cell"),
    case(P, "household_count", None, "missing_required"),
    case(P, "trained_and_employed", -1, "out_of_range"),
    case(P, "household_count", 1_000_000, "CP-01"),
    case(P, "irrigation_met_ha", "đủ", "unreadable_cell"),
    case(P, "is_safe_zone", "?", "unreadable_cell"),
    case(P, "villages_with_electricity", 999, "CP-01"),
    # supports
    case(S, "policy_code", "Hỗ trợ mua ô tô", "unknown_code"),
    case(S, "policy_code", None, "missing_required"),
    case(S, "household_code", "12-34-56", "out_of_range"),
    case(S, "person_no", 0, "out_of_range"),
    case(S, "status", "Đang xem", "unknown_code", **APPROVED),
    case(S, "quantity", "vài", "unreadable_cell", "warning"),
    case(S, "quantity", -2, "out_of_range"),
    case(S, "decided_on", "31/02/2022", "unreadable_cell", "warning"),
    case(S, "funding_source", "Vay nóng", "unknown_code", "warning"),
    case(S, "amount", -500_000, "out_of_range", **DELIVERED),
    case(S, "amount", None, "SD-01", **DELIVERED),
    case(S, "delivered_on", None, "SD-01", **DELIVERED),
    case(S, "amount", 500_000, "SD-01", **APPROVED),
    case(S, "delivered_on", datetime(2022, 8, 15), "SD-01", **APPROVED),  # noqa: DTZ001 - as spreadsheets keep it
    case(S, "delivered_on", datetime(2022, 10, 1), "SD-02", **DELIVERED),  # noqa: DTZ001 - as spreadsheets keep it
    case(S, "delivered_on", datetime(2022, 6, 30), "SD-02", **DELIVERED),  # noqa: DTZ001 - as spreadsheets keep it
    # loans
    case(L, "credit_programme_code", "77", "unknown_code"),
    case(L, "borrower_name", None, "missing_required"),
    case(L, "borrower_national_id", "1.23E+11", "unreadable_cell", "warning"),
    case(L, "commune_name", "Xã Không Đâu", "unknown_code"),
    case(L, "commune_name", None, "missing_required"),
    case(L, "contracted_on", "30/02/2022", "unreadable_cell"),
    case(L, "contracted_on", None, "missing_required"),
    case(L, "term_months", 0, "out_of_range"),
    case(L, "annual_rate", 66, "out_of_range"),
    case(L, "annual_rate", "thấp", "unreadable_cell"),
    case(L, "disbursed_in_period", "-", "missing_required"),
    case(L, "repaid_in_period", "=SUM(A1)", "unreadable_cell"),
    case(L, "outstanding", 30_000_001, "CL-02", **BALANCED),
    # several cells
    Case(
        H,
        "duplicate",
        {(5, "household_code"): "{row 3}"},
        critical(("duplicate_key", 3, "household_code"), ("duplicate_key", 5, "household_code")),
    ),
    Case(
        L,
        "duplicate",
        {(5, "loan_id"): "{row 3}"},
        critical(("duplicate_key", 3, "loan_id"), ("duplicate_key", 5, "loan_id")),
    ),
    Case(
        H,
        "two in a row",
        {(3, "income_per_capita"): None, (3, "head_sex"): "x"},
        critical(("missing_required", 3, "income_per_capita"), ("unknown_code", 3, "head_sex")),
    ),
    Case(S, "nothing wrong", {(3, "person_no"): None}, frozenset()),
]
TOO_MANY = Case(H, "too many held", {(row, "head_sex"): "x" for row in range(3)}, frozenset())


def districts() -> Iterator[tuple[str, str]]:
    """(sender, province) of every district that stood in 2022."""
    for unit in reference("admin_unit"):
        if unit["level"] == "district" and not unit["valid_from"]:
            yield f"huyen-{unit['code']}", unit["parent_code"]


def rows_of(case: Case, sender: str, province: str) -> list[Row]:
    home, period = Province(province), PERIODS[case.dataset]
    if case.dataset in (H, P):
        places = home.of(sender, period)
        rows = home.profiles(places, 2022) if case.dataset == P else home.households(places[:3], 2022, per_commune=4)
    elif case.dataset == S:
        rows = [{**row, **APPROVED} for row in home.supports(home.communes(period), period, sender)]
    else:
        rows = home.loans(home.communes(period), period)
    rows[AT] |= case.truth
    return rows


def spoil(case: Case, grid: Grid, rows: list[Row]) -> None:
    for (row, column), value in case.cells.items():
        letters = openpyxl.utils.column_index_from_string(grid.letters[column]) - 1
        written = rows[AT][column] if value == "{row 3}" else value
        grid.rows[grid.lines[row] - 1][letters] = written


def with_formulas(path: Path) -> None:
    """Make cells that begin with = formulas that were never computed, as programs leave them, and #REF! an error."""
    workbook = openpyxl.load_workbook(path)
    for line in workbook.active.iter_rows():
        for cell in line:
            if isinstance(cell.value, str) and cell.value.startswith(("=", "'#")):
                cell.value = cell.value.removeprefix("'")
                cell.data_type = "e" if cell.value.startswith("#") else "f"
    workbook.save(path)


@dataclass(frozen=True)
class Judged:
    """What became of a case."""

    submission_id: int
    lines: list[int]
    letters: Mapping[str, str]


@pytest.fixture(scope="module")
def judged(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Judged]:
    home = tmp_path_factory.mktemp("home")
    prepare(warehouse_url)
    seed_if_changed(warehouse_url)
    engine, settings = create_engine(warehouse_url), Settings(home=home)
    results = {}
    for number, (each, (district, province)) in enumerate(zip([*CASES, TOO_MANY], districts(), strict=False)):
        sender = {S: "sldtbxh", L: "nhcsxh"}.get(each.dataset, district)
        period = PERIODS[each.dataset]
        rows = rows_of(each, sender, province)
        grid = lay_out(each.dataset, rows, each.manner, standard="2021-2025" if each.dataset == H else "")
        spoil(each, grid, rows)
        path = write_xlsx(home / f"{number}.xlsx", {"Biểu": grid})
        if any(isinstance(value, str) and value.startswith(("=", "'#")) for value in each.cells.values()):
            with_formulas(path)
        file = receive.IncomingFile(path=path, sender_code=sender, period_code=period, file_name=path.name)
        [receipt] = receive.receive_file(file, engine, settings, [district])
        results[each.dataset, each.name] = Judged(receipt.submission_id, grid.lines, grid.letters)
    engine.dispose()
    for dataset, submissions in pending(warehouse_url).items():
        judge(dataset, submissions, url=warehouse_url, home=home)
    return results


Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def query(warehouse_url: str) -> Query:
    def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(warehouse_url) as connection:
            return connection.execute(statement, values).fetchall()

    return run


@pytest.mark.parametrize("each", CASES, ids=lambda case: f"{case.dataset}-{case.name}")
def test_a_defect_is_found_at_its_cell_and_holds_its_row(
    each: Case, judged: dict[tuple[str, str], Judged], query: Query
) -> None:
    report = judged[each.dataset, each.name]
    found = query(
        "select rule, severity, row_number, cell from ops.finding where submission_id = %s", report.submission_id
    )
    wanted = {
        (rule, severity, report.lines[row], f"{report.letters[column]}{report.lines[row]}")
        for rule, severity, row, column in each.found
    }
    assert sorted(found) == sorted(wanted)
    held = query("select distinct row_number from ops.held_row where submission_id = %s", report.submission_id)
    assert {row for (row,) in held} == {report.lines[row] for row in each.held}
    counts = query(
        "select row_count, held_row_count from ops.submission where submission_id = %s"
        f" union all select count(*), count(*) from raw.{each.dataset} where submission_id = %s",
        report.submission_id,
        report.submission_id,
    )
    assert counts == [(len(report.lines), len(each.held)), (len(report.lines), len(report.lines))]


def test_a_report_of_which_too_much_is_held_is_rejected_whole(
    judged: dict[tuple[str, str], Judged], query: Query
) -> None:
    report = judged[H, TOO_MANY.name]
    assert query("select status_code from ops.submission where submission_id = %s", report.submission_id) == [
        ("rejected",)
    ]
    rules = query("select rule, count(*) from ops.finding where submission_id = %s group by 1", report.submission_id)
    assert sorted(rules) == [("too_many_held", 1), ("unknown_code", 3)]
    raw = query("select count(*) from raw.household_review where submission_id = %s", report.submission_id)
    assert raw == [(len(report.lines),)]


def test_messages_name_no_person_and_leave_no_placeholder(query: Query) -> None:
    for vi, en in query("select message_vi, message_en from ops.finding"):
        assert vi
        assert en
        assert "{" not in vi + en
        assert "None" not in vi + en
