"""Answers on real reports, the real gate and a real warehouse: what is marked is what was found, in every format."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
import sqlalchemy as sa
from python_calamine import CalamineWorkbook
from reports import record, table, write_csv, write_ods, write_xlsx
from workbooks import assert_valid, parts, repacked

from dbt_project.build import seed_if_changed
from expectations.gate import judge, pending
from ingestion.answer import Answered, answer_pending
from ingestion.answering.marker import FIRST_SHEET, MARK
from ingestion.answering.styles import MARK_COLOURS
from ingestion.check import check_file
from ingestion.contract import load_contracts
from ingestion.receive import incoming_files, known_senders, receive_file
from ingestion.settings import PROJECT_DIR, Settings
from ingestion.warehouse import create_engine, prepare

SENDER, PERIOD = "sxd", "2023-Q2"
COLOURS = set(MARK_COLOURS.values())


@pytest.fixture(scope="module")
def prepared(warehouse_url: str) -> str:
    prepare(warehouse_url)
    seed_if_changed(warehouse_url)
    return warehouse_url


class Home:
    """A home of its own on the module's warehouse, emptied of what earlier tests received."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.settings = Settings(home=folder / "home", inbox=folder / "inbox", outbox=None, province="24")
        self.engine = create_engine(url)
        self.database = psycopg.connect(url, autocommit=True)
        self.database.execute(
            "truncate ops.submission, ops.finding, ops.conservation, ops.step_outcome, raw.unread_cell,"
            " raw.column_position, raw.support_delivery, raw.household_review cascade"
        )

    def put(self, name: str, content: bytes, sender: str = SENDER, period: str = PERIOD) -> Path:
        path = self.settings.inbox_dir / sender / period / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def receive_and_judge(self) -> None:
        files = list(incoming_files(self.settings.inbox_dir))
        for file in files:
            receive_file(file, self.engine, self.settings, known_senders(files, self.engine))
        while awaiting := pending(self.url):
            for dataset, ids in awaiting.items():
                judge(dataset, ids, url=self.url, home=self.settings.home)

    def night(self) -> list[Answered]:
        self.receive_and_judge()
        return answer_pending(self.engine, self.settings)

    def query(self, statement: str) -> list[Any]:
        return self.database.execute(statement.encode()).fetchall()

    def close(self) -> None:
        self.database.close()
        self.engine.dispose()


@pytest.fixture
def home(prepared: str, tmp_path: Path) -> Iterator[Home]:
    own = Home(tmp_path, prepared)
    yield own
    own.close()


AMOUNT = load_contracts()["support_delivery"].column("amount").heading


def supports(wrong: bool = True) -> list[list[Any]]:
    """A list of supports: one has an amount that is none, one no policy, one a number for its status."""
    spoilt: dict[int, dict[str, Any]] = {
        2: {"amount": "+khoảng 3 triệu"}, 3: {"policy_code": None}, 4: {"status": "-1"},
    }  # fmt: skip
    changes = spoilt if wrong else {}
    return table("support_delivery", [record("support_delivery", n, **changes.get(n, {})) for n in range(1, 7)])


def marks(path: Path) -> dict[str, dict[str, str]]:
    """By sheet the coloured cells of an answer, each with its note."""
    workbook = openpyxl.load_workbook(path)
    return {
        sheet.title: {
            cell.coordinate: cell.comment.text
            for row in sheet.iter_rows()
            for cell in row
            if cell.fill.fill_type == "solid" and cell.fill.fgColor.rgb in COLOURS
        }
        for sheet in workbook.worksheets
        if sheet.title != FIRST_SHEET
    }


def listed(path: Path) -> list[tuple[Any, ...]]:
    rows = list(openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True))
    top = next((index for index, row in enumerate(rows) if row[0] == "Mức độ"), len(rows))
    return rows[top + 1 :]


def found(home: Home) -> set[str]:
    return {cell for (cell,) in home.query("select distinct cell from ops.finding where cell is not null")}


def written_as(kind: str, folder: Path, rows: list[list[Any]]) -> tuple[str, bytes]:
    path = folder / f"ho tro.{kind}"
    match kind:
        case "xlsx" | "xlsm":
            write_xlsx(path, {"Biểu 1": rows})
        case "csv" | "tsv":
            write_csv(path, rows, delimiter="\t" if kind == "tsv" else ";")
        case "ods":
            write_ods(path, rows)
        case "json":
            path.write_text(json.dumps([dict(zip(rows[0], row, strict=True)) for row in rows[1:]], default=str))
        case "html":
            cells = ("".join(f"<td>{'' if value is None else value}</td>" for value in row) for row in rows)
            path = path.with_suffix(".xls")
            path.write_text(
                "<html><meta charset=utf-8><table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table></html>"
            )
    return path.name, path.read_bytes()


@pytest.mark.parametrize("kind", ["xlsx", "csv", "tsv", "ods", "html"])
def test_the_marked_cells_are_those_of_the_findings(home: Home, tmp_path: Path, kind: str) -> None:
    name, content = written_as(kind, tmp_path, supports())
    home.put(name, content)
    [answered] = home.night()
    assert answered.path == home.settings.outbox_dir / SENDER / PERIOD / (name if kind == "xlsx" else f"{name}.xlsx")
    assert_valid(answered.path.read_bytes())
    [(_, cells)] = marks(answered.path).items()
    assert set(cells) == found(home)
    assert len(cells) >= 3
    rows = listed(answered.path)
    assert len(rows) == home.query("select count(*) from ops.finding")[0][0] == answered.finding_count
    severities = [row[0] for row in rows]
    assert severities == sorted(severities, key=["Từ chối", "Phải sửa", "Cần xem lại"].index)
    assert any("“+khoảng 3 triệu”" in text and "Cần ghi" in text for text in cells.values())
    answer = CalamineWorkbook.from_filelike(io.BytesIO(answered.path.read_bytes()))
    assert str(answer.get_sheet_by_name(FIRST_SHEET).to_python()[0][0]).startswith(MARK)
    assert all(
        cell.data_type != "f" for sheet in openpyxl.load_workbook(answered.path) for row in sheet for cell in row
    )


def test_objects_are_marked_in_a_table_of_them(home: Home, tmp_path: Path) -> None:
    name, content = written_as("json", tmp_path, supports())
    home.put(name, content)
    [answered] = home.night()
    assert_valid(answered.path.read_bytes())
    [(sheet, cells)] = marks(answered.path).items()
    workbook = openpyxl.load_workbook(answered.path)
    headings = {cell.value: cell.column_letter for cell in workbook[sheet][1]}
    expected = home.query("select row_number, column_name from ops.finding where column_name = 'amount'")
    assert {f"{headings[AMOUNT]}{number + 1}" for number, _ in expected} <= set(cells)
    assert workbook[sheet][f"{headings[AMOUNT]}3"].value == "+khoảng 3 triệu"
    assert workbook[sheet][f"{headings[AMOUNT]}3"].data_type == "s"


def test_a_corrected_answer_is_the_next_revision_and_an_uncorrected_one_is_nothing_new(
    home: Home, tmp_path: Path
) -> None:
    name, content = written_as("xlsx", tmp_path, supports())
    home.put(name, content)
    [first] = home.night()
    assert first.verdict_code in ("accepted_with_findings", "rejected")
    home.put("gui lai nguyen.xlsx", first.path.read_bytes())
    assert home.night() == []
    noted = home.query("select file_name from ops.submission where status_code = 'duplicate'")
    assert ("gui lai nguyen.xlsx",) in noted
    assert home.query("select max(revision) from ops.submission") == [(1,)]
    workbook = openpyxl.load_workbook(first.path)
    good = supports(wrong=False)
    for row, values in enumerate(good, start=1):
        for column, value in enumerate(values, start=1):
            workbook["Biểu 1"].cell(row, column).value = value
    corrected = tmp_path / "sua.xlsx"
    workbook.save(corrected)
    home.put("da sua.xlsx", corrected.read_bytes())
    [second] = home.night()
    assert second.file_name == "da sua.xlsx"
    assert_valid(second.path.read_bytes())
    assert openpyxl.load_workbook(second.path).sheetnames == [FIRST_SHEET, "Biểu 1"]
    assert home.query("select row_count, held_row_count from ops.submission where revision = 2") == [(6, 0)]
    latest = (
        "select cell from ops.finding join ops.submission using (submission_id) where cell is not null and revision = 2"
    )
    assert set(marks(second.path)["Biểu 1"]) == {cell for (cell,) in home.query(latest)}


def test_an_answer_is_written_once_and_again_when_the_judgement_changed(home: Home, tmp_path: Path) -> None:
    name, content = written_as("xlsx", tmp_path, supports())
    home.put(name, content)
    [first] = home.night()
    before = first.path.stat().st_mtime_ns, first.path.read_bytes()
    assert home.night() == []
    assert first.path.stat().st_mtime_ns == before[0]
    home.database.execute("delete from ops.finding where rule = 'SD-03'")
    home.database.execute("update ops.submission set judged_at = clock_timestamp()")
    [again] = answer_pending(home.engine, home.settings)
    assert again.path == first.path
    assert again.finding_count < first.finding_count
    assert set(marks(again.path)["Biểu 1"]) == found(home)


def test_an_unreadable_file_is_answered_by_the_first_sheet_alone(home: Home) -> None:
    home.put("hong.xlsx", b"PK\x03\x04 no workbook")
    home.put("anh.png", b"\x89PNG\r\n\x1a\n")
    answers = {answered.file_name: answered for answered in home.night()}
    assert {answered.path.name for answered in answers.values()} == {"hong.xlsx", "anh.png.xlsx"}
    for answered in answers.values():
        assert answered.verdict_code == "rejected"
        assert_valid(answered.path.read_bytes())
        assert openpyxl.load_workbook(answered.path).sheetnames == [FIRST_SHEET]
        [row] = listed(answered.path)
        assert row[0] == "Từ chối"


def test_a_workbook_that_cannot_be_edited_is_copied_and_says_so(home: Home, tmp_path: Path) -> None:
    _, content = written_as("xlsx", tmp_path, supports())
    sheet = parts(content)["xl/worksheets/sheet1.xml"]
    twice = repacked(content, {"xl/worksheets/sheet1.xml": sheet.replace(b"</sheetData>", b'<row r="3"/></sheetData>')})
    home.put("la.xlsx", twice)
    [answered] = home.night()
    assert_valid(answered.path.read_bytes())
    assert set(marks(answered.path)["Biểu 1"]) == found(home)
    told = [str(row[0]) for row in openpyxl.load_workbook(answered.path).worksheets[0].iter_rows(values_only=True)]
    assert any("Tệp gốc không thể đánh dấu" in line for line in told)


def test_files_of_an_archive_are_answered_in_its_folder(home: Home, tmp_path: Path) -> None:
    _, content = written_as("csv", tmp_path, supports())
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("quý 2/hỗ trợ.csv", content)
    home.put("bao cao.zip", target.getvalue())
    [answered] = home.night()
    assert answered.path.relative_to(home.settings.outbox_dir / SENDER / PERIOD).parts == (
        "bao cao.zip", "quý 2", "hỗ trợ.csv.xlsx",
    )  # fmt: skip


def sample(name: str) -> bytes:
    [path] = (PROJECT_DIR / "examples" / "inbox" / "huyen-220" / "2023").glob(name)
    return path.read_bytes()


def spoilt_households() -> bytes:
    """The list of a district with a wrong birth date, sex and identity number in it."""
    workbook = openpyxl.load_workbook(io.BytesIO(sample("DS ho*")))
    sheet = workbook.worksheets[0]
    sheet["E12"], sheet["D13"], sheet["G14"] = "khoảng 1960", "Khác", "mất thẻ"
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def test_values_of_people_stand_in_their_own_cells_only(home: Home) -> None:
    home.put("ds.xlsx", spoilt_households(), "huyen-220", "2023")
    [answered] = home.night()
    cells = marks(answered.path)["Sheet1"]
    assert {"E12", "D13", "G14"} <= set(cells)
    assert set(cells) == found(home)
    told = [row for row in listed(answered.path) if row[3] in ("E12", "G14")]
    assert [row[5] for row in told] == ["(xem ô)"] * len(told)
    assert "khoảng 1960" not in str(told)
    assert "mất thẻ" not in str(told)


TABLES = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('ops', 'raw') order by 1"


def state(home: Home) -> dict[str, str]:
    """A hash of every row in ops and raw."""
    return {
        name: home.query(f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {name} as t")[0][0]
        for (name,) in home.query(TABLES)
    }


def test_a_check_says_what_loading_says_and_leaves_nothing(home: Home, tmp_path: Path) -> None:
    name, content = written_as("xlsx", tmp_path, supports())
    path = home.put(name, content)
    empty = state(home)
    [checked] = check_file(path, SENDER, PERIOD, url=home.url, settings=home.settings, out=tmp_path / "thử.xlsx")
    assert state(home) == empty
    assert not home.settings.archive_dir.exists()
    [answered] = home.night()
    assert (checked.content.verdict, len(checked.content.points)) == (answered.verdict_code, answered.finding_count)
    assert marks(checked.path) == marks(answered.path)
    assert listed(checked.path) == listed(answered.path)
    # what was received already is checked as well, with the same outcome
    loaded = state(home)
    [again] = check_file(path, SENDER, PERIOD, url=home.url, settings=home.settings, out=tmp_path / "lại.xlsx")
    assert marks(again.path) == marks(answered.path)
    assert state(home) == loaded


def test_a_check_that_is_killed_leaves_nothing(home: Home, tmp_path: Path) -> None:
    path = home.put("ds.xlsx", spoilt_households(), "huyen-220", "2023")
    before = state(home)
    process = start(
        "from pathlib import Path; import sys; from ingestion.check import check_file;"
        "from ingestion.settings import Settings;"
        "check_file(Path(sys.argv[1]), 'huyen-220', '2023', url=sys.argv[2], settings=Settings())",
        str(path),
        home.url,
        home=tmp_path / "other",
    )
    wait_for(
        lambda: home.query("select count(*) from pg_locks where locktype = 'advisory' and granted")[0][0] >= 2, process
    )
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: home.query("select count(*) from pg_locks where locktype = 'advisory'") == [(0,)])
    assert state(home) == before


def test_answers_that_were_killed_are_written_again(home: Home, tmp_path: Path) -> None:
    _, content = written_as("csv", tmp_path, supports())
    for number in range(12):
        home.put(f"bao cao {number}.csv", content + b"\n" * number, period=f"20{11 + number}-Q2")
    home.receive_and_judge()
    outbox = home.settings.outbox_dir
    process = start(
        "import sys; from ingestion.answer import answer_pending; from ingestion.warehouse import create_engine;"
        "from ingestion.settings import Settings; answer_pending(create_engine(sys.argv[1]), Settings())",
        home.url,
        home=home.settings.home,
    )
    wait_for(lambda: outbox.exists() and len(list(outbox.rglob("*.xlsx"))) >= 3, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (outbox / SENDER / ".answer-left").write_bytes(b"half")
    answered = answer_pending(home.engine, home.settings)
    assert len(answered) < 12
    paths = sorted(path for path in outbox.rglob("*") if path.is_file())
    assert len(paths) == 12
    assert not [path for path in paths if path.name.startswith(".")]
    for path in paths:
        assert_valid(path.read_bytes())
    assert answer_pending(home.engine, home.settings) == []
    with home.engine.connect() as connection:
        late = connection.scalar(
            sa.text("select count(*) from ops.submission where answered_at is null or answered_at < received_at")
        )
    assert late == 0


def start(code: str, *arguments: str, home: Path) -> "subprocess.Popen[bytes]":
    environment = os.environ | {"CHUNGTAY_HOME": str(home), "CHUNGTAY_PROVINCE": "24"}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, cwd=PROJECT_DIR)


def wait_for(condition: Any, process: "subprocess.Popen[bytes] | None" = None) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)


def test_copies_keep_numbers_dates_and_texts(home: Home) -> None:
    rows = supports()
    target = io.StringIO()
    csv.writer(target, delimiter=";").writerows(rows)
    home.put("ho tro.csv", target.getvalue().encode("utf-8-sig"))
    [answered] = home.night()
    sheet = openpyxl.load_workbook(answered.path).worksheets[1]
    for row, values in enumerate(rows, start=1):
        for column, value in enumerate(values, start=1):
            cell = sheet.cell(row, column)
            assert str("" if cell.value is None else cell.value) == str("" if value is None else value)
            assert cell.data_type != "f"
