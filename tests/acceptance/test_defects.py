"""Each single wrong cell in a good workbook gives its rule at its cell, holds its row if it must, and nothing else.

The good workbooks are sample reports, in their own layouts, beside the reports that rules compare them with. Every case
is such a workbook with one thing changed, sent as the next revision; all go through the reader and the gate together.
"""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from openpyxl.utils import column_index_from_string

from dbt_project.build import seed_if_changed
from expectations.gate import judge, pending
from ingestion import receive
from ingestion.read import Report, read_file
from ingestion.settings import PROJECT_DIR, Settings
from ingestion.warehouse import create_engine, prepare

INBOX = PROJECT_DIR / "examples" / "inbox"
PROVINCE = "24"
H, M, P = "household_review", "household_member", "commune_profile"
R, B, N = "review_result", "poor_movement", "near_poor_movement"
S, L, F = "support_delivery", "credit_loan", "programme_finance"
C, T = "capacity_activity", "task_progress"
SOURCES = {
    M: "huyen-220/2022/nhan khau 2022.xlsx",
    P: "huyen-220/2022/thong tin xa 2022.xlsx",
    R: "huyen-220/2022/Bieu 1 ket qua ra soat 2022.xlsx",
    B: "huyen-220/2022/Bieu 2 dien bien ho ngheo 2022.xlsx",
    N: "huyen-220/2022/Bieu 3 dien bien can ngheo 2022.xlsx",
    S: "snnptnt/2022-Q1/chinh sach ho tro 2022-Q1.xlsx",
    L: "nhcsxh/2022-Q1/sao ke NHCSXH 2022-Q1.csv",
    F: "bdt/2022-Q1/giai ngan 2022-Q1.xlsx",
    C: "sldtbxh/2022-S1/Bao cao tong hop 2022-S1.xlsx",
    T: "sldtbxh/2022-S1/Bao cao tong hop 2022-S1.xlsx",
    H: "huyen-220/2022/DS ho ngheo can ngheo 2022.xlsx",  # last, for the others rest on it
}
Found = tuple[str, str, str]  # rule, severity, column


@dataclass(frozen=True)
class Case:
    """One defect: what is written into which column of the first row that is as `where` says, and what must be found
    there."""

    dataset: str
    column: str
    written: Any
    found: frozenset[Found]
    where: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.column}={self.written}"


def case(dataset: str, column: str, written: Any, *found: str | Found, **where: Any) -> Case:
    """A case of one wrong cell; of a rule alone, its finding is critical and at the cell."""
    full = (each if isinstance(each, tuple) else (each, "critical", column) for each in found)
    return Case(dataset, column, written, frozenset(full), where)


def warned(rule: str, column: str) -> Found:
    return rule, "warning", column


def day(year: int, month: int, number: int) -> datetime:
    return datetime(year, month, number)  # noqa: DTZ001 - as spreadsheets keep it


DELIVERED = {"status": "delivered"}
POOR = {"class_reported": "poor", "area_type": "rural"}

CASES = [
    # households
    case(H, "income_per_capita", "một triệu", "unreadable_cell"),
    case(H, "income_per_capita", "1.2.3", "unreadable_cell"),
    case(H, "income_per_capita", None, "missing_required"),
    case(H, "income_per_capita", -5_000, "out_of_range", **POOR),
    case(H, "member_count", "ba người", "unreadable_cell"),
    case(H, "member_count", 2.5, "unreadable_cell"),
    case(H, "member_count", 0, "out_of_range"),
    case(H, "member_count", 31, "out_of_range"),
    case(H, "member_count", day(2022, 3, 4), "unreadable_cell"),
    case(H, "head_sex", "Nma", "unknown_code"),
    case(H, "head_ethnic_group", "Táy", "unknown_code"),
    case(H, "head_ethnic_group", 99, "unknown_code"),
    case(H, "area_type", None, "missing_required"),
    case(H, "class_reported", "Hộ khá giả", "unknown_code"),
    case(H, "class_previous", "Hộ khá giả", warned("unknown_code", "class_previous")),
    case(H, "movement_reported", "Đi xa", warned("unknown_code", "movement_reported")),
    case(H, "poverty_causes", "Lười lao động", warned("unknown_code", "poverty_causes"), **POOR),
    case(H, "poverty_causes", None, warned("HR-05", "poverty_causes"), **POOR),
    case(H, "needs", "Vay vốn ưu đãi; Xe máy", warned("unknown_code", "needs")),
    case(H, "dep_water", "có thể", "unreadable_cell"),
    case(H, "is_merit_family", 7, "unreadable_cell"),
    case(H, "head_birth_date", "31/02/1980", warned("unreadable_cell", "head_birth_date")),
    case(H, "head_birth_date", "khoảng 1980", warned("unreadable_cell", "head_birth_date")),
    case(H, "head_national_id", "1.23E+11", warned("unreadable_cell", "head_national_id")),
    case(H, "head_national_id", 1.23e15, warned("unreadable_cell", "head_national_id")),
    case(H, "head_national_id", "0123", "out_of_range"),
    case(H, "household_code", None, "missing_required"),
    case(H, "household_code", "hộ số 5", "out_of_range"),
    case(H, "household_code", "07813-00001", "HR-08"),
    case(H, "head_name", None, "missing_required"),
    case(H, "commune_code", "99999", "HR-01"),
    case(H, "commune_name", "Xã Đồng Tân", warned("HR-09", "commune_name")),
    # members
    case(M, "person_no", "một", "unreadable_cell"),
    case(M, "person_no", 31, "out_of_range"),
    case(M, "full_name", None, "missing_required"),
    case(M, "sex", "Khác", "unknown_code"),
    case(M, "birth_date", "31/02/1980", "unreadable_cell"),
    case(M, "birth_date", None, "missing_required"),
    case(M, "birth_date", "01/01/2023", "HM-04", national_id=None),
    case(M, "birth_date", "01/01/1890", "HM-04", national_id=None),
    case(M, "relation_to_head", "Bạn", "unknown_code", relation_to_head="child"),
    case(M, "ethnic_group", "Táy", "unknown_code"),
    case(M, "national_id", "1.23E+11", warned("unreadable_cell", "national_id")),
    case(M, "national_id", "12345", "out_of_range"),
    case(M, "has_health_insurance", "?", "unreadable_cell"),
    case(M, "is_working", 7, "unreadable_cell"),
    # profiles
    case(P, "household_count", "khoảng 900", "unreadable_cell"),
    case(P, "household_count", None, "missing_required"),
    case(P, "household_count", 1, ("CP-01", "critical", "ethnic_minority_household_count")),
    case(P, "trained_in_year", -1, "out_of_range", ("CP-01", "critical", "trained_and_employed")),
    case(P, "irrigation_met_ha", "đủ", "unreadable_cell"),
    case(P, "is_safe_zone", "?", "unreadable_cell"),
    case(P, "villages_with_electricity", 999, "CP-01"),
    # official forms
    case(R, "commune_name", "Xã Không Đâu", "unknown_code"),
    case(R, "household_count", "nhiều", "unreadable_cell"),
    case(R, "household_count", None, "missing_required"),
    case(R, "near_poor_persons", "nhiều", "unreadable_cell"),
    case(R, "poor_count", None, "missing_required"),
    case(R, "population", 1.5, "unreadable_cell"),
    case(B, "start", "nhiều", "unreadable_cell"),
    case(B, "to_above", None, "missing_required"),
    case(B, "relapsed", -1, "out_of_range", warned("RM-03", "relapsed"), warned("RM-01", "end"), counted="households"),
    case(N, "escaped", "x", "unreadable_cell"),
    case(N, "from_poor", None, "missing_required"),
    case(N, "end", -1, "out_of_range", warned("RM-01", "end"), warned("RM-03", "end"), counted="households"),
    # supports
    case(S, "policy_code", "Hỗ trợ mua ô tô", "unknown_code"),
    case(S, "policy_code", None, "missing_required"),
    case(S, "household_code", "12-34-56", "out_of_range"),
    case(S, "household_code", "07615-99999", warned("SD-03", "household_code")),
    case(S, "person_no", 0, "out_of_range"),
    case(S, "status", "Đang xem", "unknown_code", **DELIVERED),
    case(S, "quantity", "vài", warned("unreadable_cell", "quantity")),
    case(S, "quantity", -2, "out_of_range"),
    case(S, "decided_on", "31/02/2022", warned("unreadable_cell", "decided_on")),
    case(S, "funding_source", "Vay nóng", warned("unknown_code", "funding_source")),
    case(S, "amount", -500_000, "out_of_range", **DELIVERED),
    case(S, "amount", None, "SD-01", **DELIVERED),
    case(S, "delivered_on", None, "SD-01", **DELIVERED),
    case(S, "amount", 500_000, "SD-01", status="approved"),
    case(S, "delivered_on", day(2022, 3, 15), "SD-01", status="approved"),
    case(S, "delivered_on", day(2022, 4, 1), "SD-02", **DELIVERED),
    case(S, "delivered_on", day(2021, 12, 31), "SD-02", **DELIVERED),
    # loans
    case(L, "credit_programme_code", "77", "unknown_code"),
    case(L, "borrower_name", None, "missing_required"),
    case(L, "borrower_national_id", "1.23E+11", warned("unreadable_cell", "borrower_national_id")),
    case(L, "commune_name", "Xã Không Đâu", "unknown_code"),
    case(L, "commune_name", None, "missing_required"),
    case(L, "contracted_on", "30/02/2022", "unreadable_cell"),
    case(L, "contracted_on", day(2022, 4, 1), "CL-05"),
    case(L, "term_months", 0, "out_of_range"),
    case(L, "annual_rate", 66, "out_of_range"),
    case(L, "annual_rate", "thấp", "unreadable_cell"),
    case(L, "frozen", "-", "missing_required"),
    case(L, "association", "Hội làm vườn", warned("unknown_code", "association")),
    case(L, "outstanding_in_term", 1, ("CL-02", "critical", "outstanding")),
    # money
    case(F, "project_code", "Dự án khác", "unknown_code"),
    case(F, "funding_source", None, "missing_required"),
    case(F, "budget_kind", "Vốn vay", "unknown_code"),
    case(F, "admin_unit_code", "999", "unknown_code"),
    case(F, "admin_unit_code", "Bắc Giang", "unknown_code"),
    case(F, "admin_unit_code", None, "missing_required"),
    case(F, "planned", "1.2.3", "unreadable_cell"),
    case(F, "planned", 0, ("PF-01", "critical", "allocated")),
    case(F, "disbursed", 90_000_000_000, "PF-01"),
    case(F, "disbursed", -1, "out_of_range"),
    # activities
    case(C, "activity_id", None, "missing_required"),
    case(C, "kind", "Liên hoan", "unknown_code"),
    case(C, "commune_code", "99999", warned("unknown_code", "commune_code")),
    case(C, "commune_code", "Xã Không Đâu", warned("unknown_code", "commune_code")),
    case(C, "held_on", day(2022, 7, 1), "CA-03"),
    case(C, "held_on", "31/02/2022", "unreadable_cell"),
    case(C, "participants", "nhiều", warned("unreadable_cell", "participants")),
    case(C, "participants", 1_000, warned("CA-01", "participants")),
    case(C, "participating_households", -1, "out_of_range"),
    case(C, "cost", None, "missing_required"),
    case(C, "funding_source", "Vay nóng", warned("unknown_code", "funding_source")),
    # tasks
    case(T, "task_code", "BG13-T99", "unknown_code"),
    case(T, "status", "Đang xem", "unknown_code"),
    case(T, "status", None, "missing_required"),
    case(T, "percent_complete", 101, "out_of_range", status="in_progress"),
    case(T, "percent_complete", "gần xong", "unreadable_cell"),
    case(T, "percent_complete", 50, warned("TP-01", "percent_complete"), status="finished"),
    case(T, "due_on", "31/02/2022", warned("unreadable_cell", "due_on")),
]


class Source:
    """A good workbook, with what it says and where."""

    def __init__(self, dataset: str) -> None:
        path = INBOX / SOURCES[dataset]
        self.sender, self.period = path.parent.parent.name, path.parent.name
        self.content = path.read_bytes() if path.suffix == ".xlsx" else _workbook_of(path)
        self.dataset = dataset

    def read(self, folder: Path) -> None:
        """Where its rows and columns stand."""
        path = folder / "good.xlsx"
        path.write_bytes(self.content)
        reports = read_file(path, sender_code=self.sender, period_code=self.period, province=PROVINCE)
        self.report: Report = next(report for report in reports if report.dataset == self.dataset)
        self.letters = {name: letter for _, name, letter in self.report.positions.rows()}
        self.book = openpyxl.load_workbook(path)
        self.sheet = self.book[self.report.sheet_names[0]]

    def row_of(self, each: Case) -> int:
        """The row that a case spoils: the first that is as it asks."""
        numbers = self.report.rows.rows(named=True)
        fits = (row for row in numbers if all(row[name] == each.where[name] for name in each.where))
        return int(next(fits)["row_number"])

    def spoilt(self, each: Case) -> bytes:
        """The workbook with the case's cell written; the book is as before afterwards."""
        cell = self.sheet.cell(self.row_of(each), column_index_from_string(self.letters[each.column]))
        before, style = cell.value, cell.number_format
        cell.value = each.written
        try:
            return self.saved()
        finally:
            cell.value, cell.number_format = before, style

    def saved(self) -> bytes:
        """The workbook saved again as it is."""
        buffer = io.BytesIO()
        self.book.save(buffer)
        return buffer.getvalue()


def _workbook_of(path: Path) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    text = path.read_bytes()
    encoding = "utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    for line in csv.reader(io.StringIO(text.decode(encoding)), delimiter=";"):
        sheet.append(line)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@dataclass(frozen=True)
class Judged:
    """What became of a case: its submission, and that of the good workbook."""

    submission_id: int
    good: int
    row: int
    letters: Mapping[str, str]


@pytest.fixture(scope="module")
def judged(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Judged]:
    home = tmp_path_factory.mktemp("home")
    prepare(warehouse_url)
    seed_if_changed(warehouse_url)
    engine, settings = create_engine(warehouse_url), Settings(home=home, province=PROVINCE)
    sources = {dataset: Source(dataset) for dataset in SOURCES}

    def send(source: Source, content: bytes, name: str) -> dict[str | None, int]:
        path = home / "sent.xlsx"
        path.write_bytes(content)
        file = receive.IncomingFile(path, source.sender, source.period, name)
        return {receipt.dataset: receipt.submission_id for receipt in receive.receive_file(file, engine, settings)}

    def judge_all(datasets: Mapping[str, list[int]]) -> None:
        for dataset, submissions in datasets.items():
            judge(dataset, submissions, url=warehouse_url, home=home)

    good = {dataset: send(source, source.content, "good.xlsx") for dataset, source in sources.items()}
    while waiting := pending(warehouse_url):
        judge_all(waiting)
    results = {}
    for dataset, source in sources.items():
        source.read(home)
        for number, each in enumerate(each for each in CASES if each.dataset == dataset):
            submission = send(source, source.spoilt(each), f"{number}.xlsx")[dataset]
            results[dataset, each.name] = Judged(
                submission, good[dataset][dataset], source.row_of(each), source.letters
            )
        send(source, source.saved(), "good again.xlsx")  # the next data set is compared with it
        judge_all({dataset: pending(warehouse_url)[dataset]})
    engine.dispose()
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
    findings = "select rule, severity, row_number, cell from ops.finding where submission_id = %s"
    found = set(query(findings, report.submission_id)) - set(query(findings, report.good))
    sums = {finding for finding in found if finding[0] in ("total_mismatch", "RM-06")}
    assert all(cell.startswith(report.letters[each.column]) for *_, cell in sums)
    wanted = {
        (rule, severity, report.row, f"{report.letters[column]}{report.row}") for rule, severity, column in each.found
    }
    assert found - sums == wanted
    held = query("select distinct row_number from ops.held_row where submission_id = %s", report.submission_id)
    assert held == ([(report.row,)] if any(severity == "critical" for _, severity, _ in each.found) else [])
    counts = query(
        "select row_count, held_row_count, status_code <> 'rejected' from ops.submission where submission_id = %s"
        f" union all select count(*), {len(held)}, true from raw.{each.dataset} where submission_id = %s",
        report.submission_id,
        report.submission_id,
    )
    assert len(set(counts)) == 1


def test_messages_name_no_person_and_leave_no_placeholder(query: Query) -> None:
    for vi, en in query("select message_vi, message_en from ops.finding"):
        assert vi
        assert en
        assert "{" not in vi + en
        assert "None" not in vi + en
