"""The gate against one hand-written statement that counts the same conditions, on 100,000 households.

`python tests/benchmarks/bench_gate.py [ROWS]` starts a server of its own, prints seconds and ratio, and fails above
the limit. Importing Great Expectations is not counted. The reports are clean first, then one row in ten is wrong.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql

from dbt_project.build import seed_if_changed
from expectations.gate import build_data_docs, judge
from ingestion.contract import Column, load_contracts
from ingestion.local.postgres import Server
from ingestion.settings import Settings
from ingestion.warehouse import prepare

LIMIT = 4.0
REPEATS = 3
REPORTS = 10
DISTRICT = "217"
CONTRACT = load_contracts()["household_review"]
VALUES = {
    "household_code": "communes.codes[1 + g % cardinality(communes.codes)] || '-' || lpad((g / 10)::text, 5, '0')",
    "head_name": "'Hộ mẫu số ' || g",
    "head_sex": "'male'",
    "head_birth_date": "date '1950-01-01' + g % 15000",
    "head_birth_date_precision": "'day'",
    "head_ethnic_group": "'01'",
    "head_national_id": "lpad(g::text, 12, '0')",
    "commune_code": "communes.codes[1 + g % cardinality(communes.codes)]",
    "commune_name": "communes.names[1 + g % cardinality(communes.codes)]",
    "village_name": "'Thôn ' || g % 30",
    "member_count": "1 + g % 9",
    "area_type": "'rural'",
    "income_per_capita": "case when g % 2 = 0 then 1400000 else 3000000 + g end",
    "class_previous": "'poor'",
    "class_reported": "case when g % 2 = 0 then 'poor' else 'not_poor' end",
    "movement_reported": "case when g % 2 = 0 then 'stayed' else 'escaped_poverty' end",
    "poverty_causes": "case when g % 2 = 0 then array['capital', 'land'] end",
    "needs": "array['loan']",
    "dep_employment": "g % 2 = 0",
    "dep_dependency": "g % 2 = 0",
    "dep_nutrition": "g % 2 = 0",
    "dep_health_access": "null",
    "note": "null",
}
WRONG = {
    "member_count": "case when g % 10 = 0 then null else 1 + g % 9 end",
    "class_reported": "case when g % 10 = 2 then 'near_poor' when g % 2 = 0 then 'poor' else 'not_poor' end",
}


def expression(column: Column, changes: dict[str, str]) -> str:
    return changes.get(column.name) or VALUES.get(column.name) or {"flag": "false"}[column.type]


def load(connection: psycopg.Connection[tuple[object, ...]], rows: int, changes: dict[str, str]) -> list[int]:
    """Make the reports `received`, with their rows; nothing else is in the warehouse. Returns their ids."""
    connection.execute("truncate ops.submission, raw.household_review restart identity cascade")
    ids = connection.execute(
        "insert into ops.submission (sender_code, dataset, period_code, period_end, standard_code, revision, sha256,"
        " file_name, status_code, row_count, code_version, received_at)"
        " select 'huyen-' || %s, 'household_review', (2000 + i)::text, make_date(2000 + i, 12, 31), '2021-2025', 1,"
        " i::text, 'f.xlsx', 'received', %s, '1', now() from generate_series(1, %s) as i returning submission_id",
        [DISTRICT, rows // REPORTS, REPORTS],
    ).fetchall()
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in CONTRACT.columns)
    values = ", ".join(expression(column, changes) for column in CONTRACT.columns)
    connection.execute(
        sql.SQL(
            "insert into raw.household_review (submission_id, sheet_name, row_number, {})"
            " select 1 + g %% %s, 'Biểu 01', 10 + g, "
        ).format(names)
        + sql.SQL(values.replace("%", "%%"))
        + sql.SQL(
            " from generate_series(1, %s) as g,"
            " (select array_agg(code order by code) as codes, array_agg(name order by code) as names"
            " from reference.admin_unit"
            " where parent_code = %s and valid_to > '2025-01-01') as communes"
        ),
        [REPORTS, rows, DISTRICT],
    )
    connection.execute("vacuum analyze")
    return [int(str(submission_id)) for (submission_id,) in ids]


def hand_written() -> str:
    """One pass over the reports that counts what the suite of the data set looks for."""
    counts = []
    for column in CONTRACT.columns:
        if column.required and column.type != "flag":
            counts.append(f"count(*) filter (where r.{column.name} is null)")
        if column.minimum is not None:
            counts.append(f"count(*) filter (where r.{column.name} not between {column.minimum} and {column.maximum})")
        if column.pattern is not None:
            counts.append(f"count(*) filter (where r.{column.name} !~ '{column.pattern}')")
        if column.codes is not None and column.type == "code":
            known = ", ".join(f"'{code}'" for code in column.codes.codes)
            counts.append(f"count(*) filter (where r.{column.name} not in ({known}))")
    marks = ", ".join(f"nullif(r.{column.name}, false)" for column in CONTRACT.columns if column.deprivation)
    return f"""
        select {", ".join(counts)},
            count(*) filter (where r.commune_code is null and r.commune_name is null),
            count(*) filter (where r.class_reported = 'poor' and coalesce(cardinality(r.poverty_causes), 0) = 0),
            count(*) filter (where k.times > 1),
            count(u.column_name),
            count(*) filter (where i.times > 1),
            count(*) filter (where left(r.household_code, 5) <> r.commune_code),
            count(*) filter (where e.class_reported <> r.class_previous),
            count(*) filter (where r.movement_reported <> case
                when r.class_previous = r.class_reported then 'stayed'
                when r.class_previous = 'poor' and r.class_reported = 'near_poor' then 'poor_to_near_poor'
                when r.class_previous = 'poor' then 'escaped_poverty' else r.movement_reported end),
            count(*) filter (where a.parent_code is distinct from substr(s.sender_code, 7)),
            count(*) filter (where r.class_reported <> case
                when r.income_per_capita > p.near_poor_income_vnd then 'not_poor'
                when num_nonnulls({marks}) >= p.min_deprivations then 'poor' else 'near_poor' end)
        from raw.household_review as r
        join ops.submission as s on s.submission_id = r.submission_id
        left join raw.unread_cell as u on u.submission_id = r.submission_id and u.sheet_name = r.sheet_name
            and u.row_number = r.row_number
        left join reference.admin_unit as a on a.code = r.commune_code and a.level = 'commune'
            and s.period_end >= coalesce(a.valid_from, '-infinity')
            and s.period_end <= coalesce(a.valid_to, 'infinity')
        left join reference.poverty_standard as p on p.code = s.standard_code and p.area_type = r.area_type
        left join (
            select submission_id, household_code, count(*) as times from raw.household_review group by 1, 2
        ) as k on k.submission_id = r.submission_id and k.household_code = r.household_code
        left join (
            select submission_id, head_national_id, count(*) as times from raw.household_review group by 1, 2
        ) as i on i.submission_id = r.submission_id and i.head_national_id = r.head_national_id
        left join accepted.household_review as e on e.household_code = r.household_code
            and e.standard_code = s.standard_code and e.period_end < s.period_end
        where r.submission_id = any(%s)"""


def best(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    seconds = []
    for _ in range(REPEATS):
        before()
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def measure(url: str, home: Path, rows: int, name: str, changes: dict[str, str]) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        ids = load(connection, rows, changes)
        statement = hand_written().encode()
        floor = best(lambda: connection.execute(statement, [ids]).fetchall())

        def reset() -> None:
            connection.execute("truncate ops.finding, ops.conservation")
            connection.execute("update ops.submission set status_code = 'received', verdict_code = null")

        gate = best(lambda: judge("household_review", ids, url=url, home=home), reset)
        found = connection.execute("select count(*) from ops.finding").fetchone()
    ratio = gate / floor
    print(
        f"{name}: {rows} rows x {len(CONTRACT.columns)} columns, {found[0] if found else 0} findings:"
        f" gate {gate:.2f} s, one statement {floor:.2f} s, ratio {ratio:.2f} (limit {LIMIT:g})"
    )
    return ratio


def main(rows: int) -> int:
    home = Path(tempfile.mkdtemp(prefix="chungtay-bench-"))
    home.chmod(0o711)
    server = Server(home, Settings().pg_bin)
    try:
        server.start()
        url = server.url()
        prepare(url)
        os.environ["CHUNGTAY_HOME"] = str(home)
        seed_if_changed(url)
        clean = measure(url, home, rows, "clean", {})
        measure(url, home, rows, "one row in ten held, one in ten doubtful", WRONG)
        started = time.perf_counter()
        build_data_docs(home)
        print(f"Data Docs of {2 * REPEATS} validations: {time.perf_counter() - started:.2f} s")
        return int(clean > LIMIT)
    finally:
        server.destroy()
        shutil.rmtree(home)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
