"""The books: every row and every dong that a file held is in `raw`, and every accepted one in the facts."""

import sqlalchemy as sa
from psycopg import sql

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


def conservation_differences(connection: sa.Connection) -> list[str]:
    """Every place where rows or amounts went missing or multiplied between the file and the facts; empty if none."""
    differences = [
        f"submission {row.submission_id} ({row.sender_code} {row.dataset} {row.period_code}): {row.rows_in_file} rows"
        f" in the file, {row.rows_in_raw} in raw, {row.rows_held} held of {row.held_row_count} recorded"
        for row in connection.execute(
            sa.text(_submission_differences(connection)), {"in_force": list(IN_FORCE_STATUSES)}
        )
    ]
    built = set(tables_of(connection, BUILD))
    differences += _staging_differences(connection)
    for fact, (dataset, amounts) in CONSERVED.items():
        if fact not in built:
            differences.append(f"{fact} was not built")
            continue
        measures = sql.SQL(", ").join(
            [sql.SQL("count(*)"), *(sql.SQL("coalesce(sum(counted.{}), 0)").format(sql.Identifier(a)) for a in amounts)]
        )
        published = execute(
            connection, sql.SQL("select {} from {} as counted").format(measures, sql.Identifier(BUILD, fact))
        ).one()
        accepted = execute(
            connection,
            sql.SQL(
                "select {} from {} as counted where not exists (select from intermediate.int_report__set_aside as aside"
                " where aside.dataset = {} and aside.submission_id = counted.submission_id"
                " and aside.sheet_name = counted.sheet_name and aside.row_number = counted.row_number)"
            ).format(measures, sql.Identifier("staging", f"stg_{dataset}"), sql.Literal(dataset)),
        ).one()
        differences += [
            f"{fact}: {measure} is {public}, accepted were {counted}"
            for measure, public, counted in zip(("rows", *amounts), published, accepted, strict=True)
            if public != counted
        ]
    return differences


def _staging_differences(connection: sa.Connection) -> list[str]:
    """Data sets in force, of those that no fact keeps yet, whose accepted rows are not those of staging."""
    kept_by_facts = {dataset for dataset, _ in CONSERVED.values()}
    differences = []
    for dataset, accepted in connection.execute(
        sa.text(
            "select dataset, sum(row_count - held_row_count) from ops.submission"
            " where status_code = any(:in_force) group by dataset order by dataset"
        ),
        {"in_force": list(IN_FORCE_STATUSES)},
    ).all():
        if dataset in kept_by_facts:
            continue
        table = sql.Identifier("staging", f"stg_{dataset}")
        staged = execute(connection, sql.SQL("select count(*) from {}").format(table)).scalar_one()
        if staged != accepted:
            differences.append(f"stg_{dataset}: rows is {staged}, accepted were {accepted}")
    return differences


def _submission_differences(connection: sa.Connection) -> str:
    """One statement over all raw tables: submissions in force whose rows in raw or held rows are not those recorded."""
    datasets = connection.scalars(
        sa.text("select distinct dataset from ops.submission where status_code = any(:in_force)"),
        {"in_force": list(IN_FORCE_STATUSES)},
    ).all()
    counts: sql.Composable = sql.SQL(" union all ").join(
        sql.SQL("select submission_id, count(*) as rows_in_raw from {} group by submission_id").format(
            sql.Identifier("raw", dataset)
        )
        for dataset in datasets
    )
    if not datasets:
        counts = sql.SQL("select null::bigint as submission_id, 0 as rows_in_raw where false")
    return compiled(
        connection,
        sql.SQL(
            "with loaded as ({}),"
            " held as (select submission_id, count(*) as rows_held from ops.held_row group by submission_id)"
            " select s.submission_id, s.sender_code, s.dataset, s.period_code, s.row_count as rows_in_file,"
            " coalesce(l.rows_in_raw, 0) as rows_in_raw, coalesce(h.rows_held, 0) as rows_held, s.held_row_count"
            " from ops.submission s left join loaded l using (submission_id) left join held h using (submission_id)"
            " where s.status_code = any(:in_force) and (s.row_count <> coalesce(l.rows_in_raw, 0)"
            " or s.held_row_count <> coalesce(h.rows_held, 0))"
        ).format(counts),
    )
