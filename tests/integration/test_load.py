"""COPY keeps every value as it was: null apart from empty, quotes, breaks and backslashes, arrays, exact amounts."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest
import sqlalchemy as sa

from ingestion.load import copy_frame
from ingestion.warehouse import create_engine

FRAME = pl.DataFrame(
    {
        "Tên": ["Xã  An", "", None, 'dấu " nháy, phẩy; \\ và\nxuống dòng', "\\N", "NULL"],
        "codes": [["a", "b"], [], None, ['"', "\\", "x,y", ""], ["NULL"], ["{}"]],
        "flag": [True, False, None, True, False, None],
        "amount": [Decimal("98765432109876543210987.5"), Decimal(0), None, Decimal("-1.25"), Decimal(1), Decimal(2)],
        "day": [date(2022, 2, 28), None, date(1, 1, 1), date(9999, 12, 31), None, None],
        "count": [2**62, 0, None, -1, 5, 6],
    },
    schema_overrides={"amount": pl.Decimal(38, 2)},
)


def test_every_value_comes_back_as_it_was(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.load._ROWS_PER_WRITE", 2)  # several writes
    engine = create_engine(warehouse_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('create schema "S"')
        connection.exec_driver_sql(
            'create table "S"."T" (count bigint, "Tên" text, codes text[], flag boolean, amount numeric, day date)'
        )
        copy_frame(connection, "S", "T", FRAME)
        copy_frame(connection, "S", "T", FRAME.clear())
        rows = connection.execute(sa.text('select "Tên", codes, flag, amount, day, count from "S"."T"')).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == FRAME.rows()
