"""`chungtay template` on a real warehouse: what a sender reported last is filled in, for that sender alone."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from ingestion.cli import cli
from ingestion.period import Period
from ingestion.settings import get_settings
from ingestion.warehouse import prepare

OLD, NEW = "2016-2020", "2021-2025"


@pytest.fixture(scope="module")
def home(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHUNGTAY_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("CHUNGTAY_WAREHOUSE_URL", warehouse_url)
        get_settings.cache_clear()
        prepare(warehouse_url)
        with psycopg.connect(warehouse_url) as db:
            db.execute(
                "create table reference.admin_unit_successor (old_commune_code text, new_commune_code text, how text)"
            )
            db.execute(
                "insert into reference.admin_unit_successor"
                " values ('07616', '07615', 'whole'), ('07621', '07615', 'part')"
            )
            report(db, "huyen-220", "household_review", "2022", NEW, [household("07615-00001", "Lý Thị Linh", "poor")])
            report(
                db,
                "huyen-220",
                "household_review",
                "2022",
                NEW,
                [household("07615-00009", "Bị Từ Chối", "poor")],
                "rejected",
            )
            report(db, "huyen-223", "household_review", "2022", NEW, [household("07813-00001", "Người Khác", "poor")])
            report(db, "huyen-220", "household_review", "2021", OLD, [household("07615-00001", "Lý Thị Linh", "poor")])
            report(
                db,
                *("huyen-220", "household_review", "2024", NEW),
                [household("07616-00003", "Chuyển Xã", "poor"), household("07621-00004", "Xã Bị Chia", "poor")],
            )
            report(
                db,
                *("huyen-220", "household_member", "2024", ""),
                [member("07616-00003", "Chuyển Xã"), member("07621-00004", "Xã Bị Chia")],
            )
            report(db, *("nhcsxh", "credit_loan", "2022-Q3", ""), [loan("KU-1", 5_000_000), loan("KU-2", 0)])
        yield
    get_settings.cache_clear()


def household(code: str, name: str, class_code: str) -> dict[str, Any]:
    return {
        "household_code": code,
        "head_name": name,
        "head_sex": "male",
        "head_birth_date": date(1980, 5, 17),
        "head_birth_date_precision": "day",
        "head_ethnic_group": "01",
        "head_national_id": "024064916238",
        "commune_code": code[:5],
        "member_count": 3,
        "area_type": "rural",
        "class_reported": class_code,
    }


def member(code: str, name: str) -> dict[str, Any]:
    return {"household_code": code, "person_no": 1, "full_name": name, "sex": "male", "relation_to_head": "head"}


def loan(loan_id: str, outstanding: int) -> dict[str, Any]:
    return {
        "loan_id": loan_id,
        "credit_programme_code": "01",
        "borrower_name": "Vi Văn Bản",
        "commune_code": "07615",
        "contracted_on": date(2021, 3, 1),
        "term_months": 36,
        "outstanding": outstanding,
    }


def report(
    db: psycopg.Connection[Any],
    sender: str,
    dataset: str,
    period: str,
    standard: str,
    rows: list[dict[str, Any]],
    status: str = "accepted",
) -> None:
    found = db.execute(
        "insert into ops.submission (sender_code, dataset, period_code, period_end, standard_code, revision, sha256,"
        " file_name, received_at, status_code, row_count, code_version)"
        " values (%s, %s, %s, %s, %s, 1, %s, 'x', now(), %s, %s, 'test') returning submission_id",
        [
            *(sender, dataset, period, Period.parse(period).end, standard),
            *(f"{sender}{dataset}{period}{status}", status, len(rows)),
        ],
    ).fetchone()
    assert found is not None
    for number, row in enumerate(rows, start=1):
        values = {"submission_id": found[0], "sheet_name": "s", "row_number": number, **row}
        db.execute(
            sql.SQL("insert into {} ({}) values ({})").format(
                sql.Identifier("raw", dataset),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join([sql.Placeholder()] * len(values)),
            ),
            list(values.values()),
        )


def filled(tmp_path: Path, dataset: str, sender: str, period: str) -> list[list[Any]]:
    """The rows below the example, as the command wrote them, without blanks."""
    path = tmp_path / "a.xlsx"
    result = CliRunner().invoke(cli, ["template", dataset, "--sender", sender, "--period", period, "--out", str(path)])
    assert result.exit_code == 0, result.output
    sheet = openpyxl.load_workbook(path).worksheets[0]
    rows = [[cell.value for cell in row if cell.value is not None] for row in sheet.iter_rows(min_row=7)]
    at = next(number for number, row in enumerate(rows) if row and row[0] == "Ví dụ")
    return [row for row in rows[at + 1 :] if row]


def test_last_years_households_with_the_class_that_they_had(home: None, tmp_path: Path) -> None:
    assert filled(tmp_path, "household_review", "huyen-220", "2023") == [
        [
            *(1, "07615-00001", "Lý Thị Linh", "Nam", "17/05/1980", "Kinh", "024064916238", "07615"),
            *("Thị trấn An Châu", 3, "Nông thôn", "Hộ nghèo"),
        ]
    ]


def test_a_class_of_another_standard_is_not_told(home: None, tmp_path: Path) -> None:
    (row,) = filled(tmp_path, "household_review", "huyen-220", "2022")
    assert row[1] == "07615-00001"
    assert "Hộ nghèo" not in row


def test_nobody_elses_people(home: None, tmp_path: Path) -> None:
    (row,) = filled(tmp_path, "household_review", "huyen-223", "2023")
    assert row[2] == "Người Khác"
    (tmp_path / "a.xlsx").unlink()
    assert filled(tmp_path, "household_review", "huyen-213", "2023") == []


def test_a_commune_takes_over_whole_communes_alone(home: None, tmp_path: Path) -> None:
    """Of one that was split we don't know whose each household is now."""
    (row,) = filled(tmp_path, "household_review", "xa-07615", "2025")
    assert row[1:3] == ["07616-00003", "Chuyển Xã"]
    assert "07615" in row
    (tmp_path / "a.xlsx").unlink()
    (person,) = filled(tmp_path, "household_member", "xa-07615", "2025")
    assert person[1:4] == ["07616-00003", 1, "Chuyển Xã"]


def test_open_loans(home: None, tmp_path: Path) -> None:
    (row,) = filled(tmp_path, "credit_loan", "nhcsxh", "2022-Q4")
    assert row[1:3] == ["KU-1", "Hộ nghèo"]
    assert "Thị trấn An Châu" in row


def test_communes_of_a_profile(home: None, tmp_path: Path) -> None:
    rows = filled(tmp_path, "commune_profile", "huyen-220", "2022")
    assert rows[0] == [1, "07615", "Thị trấn An Châu"]
    assert len(rows) == 17


def test_an_existing_file_is_never_overwritten(home: None, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("filled in already")
    command = ["template", "task_progress", "--sender", "stp", "--period", "2022-S1", "--out", str(tmp_path / "a.xlsx")]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 1
    assert "exists already" in str(result.exception)
    assert (tmp_path / "a.xlsx").read_text() == "filled in already"
