"""The second count of every report: what goes missing or changes between the file and `raw` refuses publication."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psycopg
import pytest

from ingestion import load
from ingestion.publish import publish
from ingestion.receive import IncomingFile, receive_file
from ingestion.recount import Counted, recount
from ingestion.relation import PublicationRefusedError
from ingestion.settings import Settings
from ingestion.warehouse import create_engine, prepare

SUPPORTS = """Mã hồ sơ;Mã chính sách;Mã hộ;STT trong hộ;Tình trạng;Ngày quyết định;Ngày hỗ trợ;Số lượng;Số tiền (đồng)
SXD-2022-000017;Hỗ trợ nhà ở;07615-00004;;Đã hỗ trợ;02/05/2022;12/05/2022;1;40.000.000
SXD-2022-000287;Hỗ trợ nhà ở;07621-00008;;Đủ điều kiện;;;1;
SXD-2022-000314;Hỗ trợ nhà ở;07624-00002;;Đã hỗ trợ;09/04/2022;19/04/2022;1;1000
"""


DOUBLED = (
    "insert into raw.support_delivery (submission_id, sheet_name, row_number)"
    " select submission_id, 'again', row_number from raw.support_delivery"
)


@pytest.fixture(scope="module")
def prepared(warehouse_url: str) -> str:
    prepare(warehouse_url)
    return warehouse_url


@pytest.fixture
def db(prepared: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute(
            "truncate ops.submission, ops.finding, ops.conservation, raw.unread_cell, raw.column_position,"
            " raw.support_delivery restart identity"
        )
        yield connection


def _receive(url: str, folder: Path) -> None:
    path = folder / "supports.csv"
    path.write_text(SUPPORTS, encoding="utf-8")
    engine = create_engine(url)
    file = IncomingFile(path=path, sender_code="sxd", period_code="2022-Q2", file_name="supports.csv")
    [receipt] = receive_file(file, engine, Settings(home=folder / "home", province="24"))
    engine.dispose()
    assert (receipt.status_code, receipt.row_count) == ("received", 3)


def _refusal(url: str) -> str:
    """Why nothing is published; that no fact was built is among the reasons here."""
    with pytest.raises(PublicationRefusedError) as refused:
        publish(url, "n")
    return str(refused.value)


def test_every_report_is_counted_again(
    db: psycopg.Connection[tuple[object, ...]], prepared: str, tmp_path: Path
) -> None:
    _receive(prepared, tmp_path)
    assert db.execute(
        "select filled_rows_recounted, amounts_recounted, not_recounted from ops.conservation"
    ).fetchall() == [(4, {"amount": "40001000"}, "")]
    assert "submission" not in _refusal(prepared)


@pytest.mark.parametrize(
    ("sabotage", "named"),
    [
        ("delete from raw.support_delivery where row_number = 3", "3 rows in the file, 2 in raw"),
        (
            "delete from raw.support_delivery where row_number = 3; update ops.submission set row_count = 2",
            "4 filled rows counted again in the file, 2 in raw and 1 that are no data",
        ),
        (
            "update raw.support_delivery set amount = amount + 1 where row_number = 2",
            "raw.support_delivery.amount is 40001001 dong, 40001000 counted again in the file",
        ),
        (
            DOUBLED,
            "3 rows in the file, 6 in raw",
        ),
        (
            "update raw.support_delivery set amount = 1 where amount is null",
            "raw.support_delivery.amount is 40001001 dong",
        ),
    ],
)
def test_a_row_or_a_dong_that_is_not_in_the_file_refuses_the_publication(
    db: psycopg.Connection[tuple[object, ...]], prepared: str, tmp_path: Path, sabotage: str, named: str
) -> None:
    _receive(prepared, tmp_path)
    db.execute(sabotage.encode())
    refusal = _refusal(prepared)
    assert "submission 1 (sxd support_delivery 2022-Q2): " in refusal
    assert named in refusal


def test_a_row_dropped_while_it_is_loaded_refuses_the_publication(
    db: psycopg.Connection[tuple[object, ...]], prepared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = load._copied_text

    def lossy(frame: pl.DataFrame) -> memoryview:
        return copied(frame.filter(pl.col("row_number") != 2) if "amount" in frame.columns else frame)

    monkeypatch.setattr(load, "_copied_text", lossy)
    _receive(prepared, tmp_path)
    refusal = _refusal(prepared)
    assert "3 rows in the file, 2 in raw" in refusal
    assert "raw.support_delivery.amount is 1000 dong, 40001000 counted again in the file" in refusal


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("<table><tr><td>1</td></tr></table>", "HTML and XML have no second reader"),
        ("a;b;c\n1;1,5;2\n", "amount: numbers written in a way that only the reader understands"),
        ('{"a": 1}\n{"a": 2}\n', "JSON by lines has no second reader"),
    ],
)
def test_what_cannot_be_counted_again_is_said(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "f"
    path.write_text(content, encoding="utf-8")
    sheet = Counted("", 3, has_errors=False, data_rows=[2], amounts={"amount": (1, 1000)}, passed_over={})
    counted = recount(path, [sheet])
    assert (counted.not_recounted, counted.amounts) == (why, {})
