"""Communes whose name is not that of their code: the pairs of both in the batch, judged by what the reader knows."""

from typing import Any

import psycopg
from psycopg import sql

from ingestion.place import communes_in, find_unit

RULE = "HR-09"
TABLE = "misnamed_commune"


def note_misnamed_communes(session: psycopg.Connection[Any], batch: str) -> None:
    """Make the temporary table of the codes and names in the batch of which the name means no commune of that code.

    Columns: commune_code, commune_name, period_end, and expected, the official name. A code that no commune has on the
    last day of the period is not judged.
    """
    pairs = session.execute(
        sql.SQL(
            "select distinct commune_code, commune_name, period_end from {}"
            " where commune_code is not null and commune_name is not null"
        ).format(sql.Identifier(batch))
    ).fetchall()
    session.execute(
        sql.SQL(
            "create temporary table {} (commune_code text, commune_name text, period_end date, expected text)"
        ).format(sql.Identifier(TABLE))
    )
    misnamed = []
    for code, name, day in pairs:
        unit = find_unit("commune", code, day)
        if unit is not None and unit not in communes_in(unit.parent_code, day).by_name(name).candidates:
            misnamed.append((code, name, day, unit.name))
    with session.cursor() as cursor:
        cursor.executemany(sql.SQL("insert into {} values (%s, %s, %s, %s)").format(sql.Identifier(TABLE)), misnamed)
