"""The books: every row and every dong that a file held is in `raw`, and every accepted one in the facts."""

from collections.abc import Collection

import sqlalchemy as sa
from psycopg import sql

from ingestion.contract import load_contracts
from ingestion.ops import IN_FORCE_STATUSES
from ingestion.relation import BUILD, compiled, execute, tables_of

# Facts that keep every accepted row of their data set that is not set aside, and the columns whose sums must agree.
CONSERVED = {
    "fct_household_review": ("household_review", ("member_count",)),
    "fct_household_member": ("household_member", ()),
    "fct_commune_profile": ("commune_profile", ("household_count", "population")),
    "fct_support": ("support_delivery", ("amount_vnd",)),
    "fct_credit_loan": ("credit_loan", ("disbursed_vnd", "repaid_vnd", "outstanding_vnd", "overdue_vnd")),
    "fct_programme_finance": ("programme_finance", ("planned_vnd", "allocated_vnd", "disbursed_vnd")),
    "fct_capacity_activity": ("capacity_activity", ("cost_vnd", "participant_count")),
    "fct_task_progress": ("task_progress", ("completion_rate",)),
}


def conservation_differences(connection: sa.Connection, submissions: Collection[int] | None = None) -> list[str]:
    """Every place where rows or amounts went missing or multiplied between the file and the facts; empty if none.

    Of these submissions alone, where the others balanced before and were touched by nothing since.
    """
    differences = []
    of_these = (
        sql.SQL("true")
        if submissions is None
        else sql.SQL("submission_id = any(array[{}]::bigint[])").format(
            sql.SQL(", ").join(map(sql.Literal, sorted(submissions)))
        )
    )
    statement = _submission_differences(connection, of_these)
    for row in connection.execute(sa.text(statement), {"in_force": list(IN_FORCE_STATUSES)}):
        report = f"submission {row.submission_id} ({row.sender_code} {row.dataset} {row.period_code})"
        if row.rows_in_file != row.rows_in_raw or (row.is_in_force and row.rows_held != row.held_row_count):
            differences.append(
                f"{report}: {row.rows_in_file} rows in the file, {row.rows_in_raw} in raw,"
                f" {row.rows_held} held of {row.held_row_count} recorded"
            )
        elif row.filled_rows_recounted not in (None, row.rows_in_raw + row.other_row_count):
            differences.append(
                f"{report}: {row.filled_rows_recounted} filled rows counted again in the file, {row.rows_in_raw} in raw"
                f" and {row.other_row_count} that are no data"
            )
        for column, dong in (row.amounts_recounted or {}).items():
            if int(dong) != (in_raw := row.amounts_in_raw.get(column) or 0):
                differences.append(
                    f"{report}: raw.{row.dataset}.{column} is {in_raw} dong, {dong} counted again in the file"
                )
    built = set(tables_of(connection, BUILD))
    differences += _staging_differences(connection, of_these)
    for fact, (dataset, amounts) in CONSERVED.items():
        if fact not in built:
            differences.append(f"{fact} was not built")
            continue
        measures = sql.SQL(", ").join(
            [sql.SQL("count(*)"), *(sql.SQL("coalesce(sum(counted.{}), 0)").format(sql.Identifier(a)) for a in amounts)]
        )
        published = execute(
            connection,
            sql.SQL("select {} from {} as counted where {}").format(measures, sql.Identifier(BUILD, fact), of_these),
        ).one()
        accepted = execute(
            connection,
            sql.SQL(
                "select {} from {} as counted where {} and not exists"
                " (select from intermediate.int_report__set_aside as aside where aside.dataset = {}"
                " and aside.submission_id = counted.submission_id"
                " and aside.sheet_name = counted.sheet_name and aside.row_number = counted.row_number)"
            ).format(measures, sql.Identifier("staging", f"stg_{dataset}"), of_these, sql.Literal(dataset)),
        ).one()
        differences += [
            f"{fact}: {measure} is {public}, accepted were {counted}"
            for measure, public, counted in zip(("rows", *amounts), published, accepted, strict=True)
            if public != counted
        ]
    return differences


def _staging_differences(connection: sa.Connection, of_these: sql.Composable) -> list[str]:
    """Data sets in force, of those that no fact keeps yet, whose accepted rows are not those of staging."""
    kept_by_facts = {dataset for dataset, _ in CONSERVED.values()}
    differences = []
    for dataset, accepted in connection.execute(
        sa.text(
            "select dataset, sum(row_count - held_row_count) from ops.submission"  # noqa: S608 - quoted
            f" where status_code = any(:in_force) and {compiled(connection, of_these)}"
            " group by dataset order by dataset"
        ),
        {"in_force": list(IN_FORCE_STATUSES)},
    ).all():
        if dataset in kept_by_facts:
            continue
        table = sql.Identifier("staging", f"stg_{dataset}")
        staged = execute(connection, sql.SQL("select count(*) from {} where {}").format(table, of_these)).scalar_one()
        if staged != accepted:
            differences.append(f"stg_{dataset}: rows is {staged}, accepted were {accepted}")
    return differences


def _submission_differences(connection: sa.Connection, of_these: sql.Composable) -> str:
    """One statement over all raw tables: reports loaded whose rows or amounts in raw, or held rows, are not those
    recorded or not those of the second count."""
    datasets = connection.scalars(
        sa.text(
            "select distinct dataset from ops.submission where status_code = any(:in_force) or revision is not null"
        ),
        {"in_force": list(IN_FORCE_STATUSES)},
    ).all()
    counts: sql.Composable = sql.SQL(" union all ").join(
        sql.SQL(
            "select submission_id, count(*) as rows_in_raw, jsonb_build_object({}) as amounts_in_raw from {}"
            " where {} group by submission_id"
        ).format(
            sql.SQL(", ").join(
                sql.SQL("{}, sum({})").format(sql.Literal(column.name), sql.Identifier(column.name))
                for column in contracts[dataset].columns
                if column.type == "amount"
            ),
            sql.Identifier("raw", dataset),
            of_these,
        )
        for contracts in (load_contracts(),)
        for dataset in datasets
    )
    if not datasets:
        counts = sql.SQL(
            "select null::bigint as submission_id, 0 as rows_in_raw, null::jsonb as amounts_in_raw where false"
        )
    return compiled(
        connection,
        sql.SQL(
            "with loaded as ({}),"
            " held as (select submission_id, count(*) as rows_held from ops.held_row where {} group by submission_id),"
            " report as (select s.submission_id, s.sender_code, s.dataset, s.period_code, s.row_count as rows_in_file,"
            " s.other_row_count, coalesce(l.rows_in_raw, 0) as rows_in_raw, coalesce(h.rows_held, 0) as rows_held,"
            " s.held_row_count, s.status_code = any(:in_force) as is_in_force, c.filled_rows_recounted,"
            " c.amounts_recounted, coalesce(l.amounts_in_raw, '{{}}') as amounts_in_raw"
            " from ops.submission as s left join loaded as l using (submission_id)"
            " left join held as h using (submission_id) left join ops.conservation as c using (submission_id)"
            " where (s.status_code = any(:in_force) or s.revision is not null) and {})"
            " select * from report where rows_in_file <> rows_in_raw or (is_in_force and held_row_count <> rows_held)"
            " or filled_rows_recounted <> rows_in_raw + other_row_count"
            " or exists (select from jsonb_each_text(amounts_recounted) as a where cast(a.value as numeric)"
            " <> coalesce(cast(amounts_in_raw ->> a.key as numeric), 0)) order by submission_id"
        ).format(counts, of_these, of_these),
    )
