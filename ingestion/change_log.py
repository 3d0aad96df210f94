"""What changed in the private tables of the warehouse from build to build (schema `change`), so that a night costs what
changed.

dbt keeps its tables (macro `kept`) and notes here which rows of each it removed and added, for the tables that read it
and for publishing. All of it can be lost: then the next build makes everything anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg
import sqlalchemy as sa

from ingestion.relation import PublicationRefusedError

_STRUCTURE = """
create table if not exists change.build (
    build_number bigint generated always as identity primary key,
    layer text not null,
    begun_at timestamptz not null default now(),
    finished_at timestamptz,
    definition text not null,
    as_of date not null
);
comment on table change.build is 'One row per run of a layer: under which code and lists, and as of which day.';

create table if not exists change.submission_seen (
    submission_id bigint primary key, dataset text, standing text not null
);
comment on table change.submission_seen is 'One row per report: its verdict and held rows when a build last looked.';

create table if not exists change.submission (
    build_number bigint, submission_id bigint, dataset text, primary key (build_number, submission_id)
);
comment on table change.submission is 'One row per report and build that found its standing changed.';

create table if not exists change.input (model_name text, input text, primary key (model_name, input));
comment on table change.input is 'One row per kept table and what it is made from: kept tables, staging, the day.';

create table if not exists change.model (
    model_name text primary key,
    definition text not null,
    build_number bigint not null,
    changed_in bigint,
    renewed_in bigint not null,
    published_in bigint
);
comment on table change.model is 'One row per kept table: the builds that last made, changed and renewed it.';

create table if not exists change.foreign_key (
    table_name text, columns text[], referred_name text, referred_columns text[],
    primary key (table_name, columns, referred_name)
);
comment on table change.foreign_key is 'One row per foreign key that a public table gets: built tables have none.';

create or replace function change.current_build() returns bigint language sql stable
begin atomic
    select max(build_number) from change.build;
end;

create or replace function change.let_go() returns void language plpgsql as $$
declare
    taken_in bigint := (select min(least(build_number, coalesce(published_in, build_number))) from change.model);
    noted text;
begin
    for noted in select model_name from change.model where changed_in is not null loop
        execute format('delete from change.%I where build_number <= $1', noted) using taken_in;
    end loop;
    update change.model set changed_in = null where changed_in <= taken_in;
    delete from change.submission where build_number <= taken_in;
    delete from change.build where build_number < taken_in;
end;
$$;

create or replace view change.due as
select
    model.model_name,
    model.build_number as since,
    coalesce(bool_or(source.renewed_in > model.build_number), false) as is_renewed,
    string_agg(input.input, ',' order by input.input) filter (
        where case
            when input.input = 'day' then then_built.as_of <> now_built.as_of
            when input.input like 'stg\\_submission%' then exists (
                select from change.submission as changed where changed.build_number > model.build_number
            )
            when input.input like 'stg\\_%' then exists (
                select from change.submission as changed
                where
                    changed.build_number > model.build_number
                    and input.input in ('stg_' || changed.dataset, 'stg_' || changed.dataset || '_held')
            )
            else source.changed_in > model.build_number
        end
    ) as changed_inputs
from change.model
inner join change.build as now_built
    on now_built.build_number = change.current_build() and model.definition = now_built.definition
left join change.build as then_built on model.build_number = then_built.build_number
left join change.input on model.model_name = input.model_name
left join change.model as source on input.input = source.model_name
group by model.model_name, model.build_number;
comment on view change.due is 'One row per table kept under the current definition: which of its inputs changed since.';

create or replace function change.note_model(name text, is_renewed boolean) returns void language plpgsql as $$
declare
    now_built change.build := (select b from change.build as b where b.build_number = change.current_build());
    is_changed boolean;
begin
    execute format('select exists (select from change.%I where build_number = $1)', name)
    into is_changed using now_built.build_number;
    insert into change.model (model_name, definition, build_number, renewed_in)
    values (name, now_built.definition, now_built.build_number, now_built.build_number)
    on conflict (model_name) do update set
        definition = excluded.definition,
        build_number = excluded.build_number,
        changed_in = case
            when is_renewed then null when is_changed then excluded.build_number else model.changed_in
        end,
        renewed_in = case when is_renewed then excluded.build_number else model.renewed_in end,
        published_in = case when not is_renewed then model.published_in end;
end;
$$;
"""

# The columns of a submission that say nothing about its rows.
_OF_NO_ACCOUNT = ("answered_at", "judge_again", "refused_under")

_NOTE_SUBMISSIONS = """
with held as (
    select submission_id, md5(string_agg(concat_ws('!', sheet_name, row_number), '|' order by sheet_name, row_number))
        as rows_held
    from ops.held_row
    group by submission_id
),

found as (
    select submission_id, count(*) as finding_count, md5(string_agg(distinct rule, '|' order by rule)) as rules
    from ops.finding
    group by submission_id
),

seen as (
    select
        submission.submission_id,
        submission.dataset,
        case
            when submission.status_code <> 'duplicate'
                then md5(concat_ws(
                    '|', to_jsonb(submission) - cast(%(of_no_account)s as text[]), held.rows_held,
                    found.finding_count, found.rules
                ))
            -- one that stays in the inbox is seen again every night
            else 'duplicate'
        end as standing
    from ops.submission
    left join held on submission.submission_id = held.submission_id
    left join found on submission.submission_id = found.submission_id
),

differing as (
    select seen.*
    from seen
    left join change.submission_seen as before on seen.submission_id = before.submission_id
    where seen.standing is distinct from before.standing
),

noted as (
    insert into change.submission_seen (submission_id, dataset, standing)
    select submission_id, dataset, standing from differing
    on conflict (submission_id) do update set dataset = excluded.dataset, standing = excluded.standing
)

insert into change.submission (build_number, submission_id, dataset)
select %(build_number)s, submission_id, dataset from differing
"""

# the day is that of the macro `as_of`
_BEGIN = """
insert into change.build (layer, definition, as_of)
select %s, %s, coalesce(
    nullif(current_setting('chungtay.as_of', true), '')::date, (now() at time zone 'Asia/Ho_Chi_Minh')::date
)
returning build_number
"""


def make(connection: sa.Connection) -> None:
    """The tables and functions of the log, in its schema, which is there."""
    connection.exec_driver_sql(_STRUCTURE, execution_options={"no_parameters": True})


def begin_build(
    connection: psycopg.Connection[tuple[object, ...]],
    layer: str,
    definition: str,
    inputs: Mapping[str, Iterable[str]],
) -> None:
    """Note that a run of dbt for a layer begins under this definition, and which reports changed since the last one.

    `inputs` are what each kept table is made from. Where the definition is another one than last time, tables that are
    kept no more leave the log.
    """
    with connection.transaction():
        last = connection.execute("select definition from change.build order by build_number desc limit 1").fetchone()
        (build_number,) = connection.execute(_BEGIN, [layer, definition]).fetchone() or (None,)
        if last != (definition,):
            connection.execute("delete from change.input")
            with connection.cursor().copy("copy change.input (model_name, input) from stdin") as copy:
                for model, sources in inputs.items():
                    for source in sources:
                        copy.write_row((model, source))
            connection.execute("delete from change.model where not model_name = any(%s)", [list(inputs)])
        connection.execute(_NOTE_SUBMISSIONS, {"build_number": build_number, "of_no_account": list(_OF_NO_ACCOUNT)})


def finish_build(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Note that the run that began last ended well: everything built, every test passed."""
    connection.execute("update change.build set finished_at = now() where build_number = change.current_build()")


def is_settled(connection: psycopg.Connection[tuple[object, ...]], relations: Iterable[str], definition: str) -> bool:
    """Whether all these relations are there, and every kept table was built under this definition."""
    row = connection.execute(
        "select (select bool_and(to_regclass(name) is not null) from unnest(%s::text[]) as name)"
        " and (select bool_and(definition = %s) from change.model)",
        [list(relations), definition],
    ).fetchone()
    return row == (True,)


# --- for publishing, in its transaction ---


@dataclass(frozen=True, slots=True)
class Unpublished:
    """What was built and is not public yet.

    `since` is the build that a built table was last published from, of each that is public as it was built then but for
    the rows noted here; `changed` are those of them of which any are noted. All other tables are to be compared whole.
    `submissions` are the reports behind all that changed; None if a table that matters was made anew.
    """

    since: Mapping[str, int]
    changed: frozenset[str]
    submissions: frozenset[int] | None


def unpublished(connection: sa.Connection, conserved: Iterable[str]) -> Unpublished:
    """What is to be published; `conserved` are the tables whose rows must add up to those of the reports.

    Raises PublicationRefusedError where the last build of the marts did not end well.
    """
    last = connection.execute(
        sa.text("select finished_at from change.build where layer = 'marts' order by build_number desc limit 1")
    ).one_or_none()
    if last is not None and last.finished_at is None:
        raise PublicationRefusedError("the last build of the marts did not end well: build them again")
    since = {
        str(row.model_name): int(row.published_in)
        for row in connection.execute(
            sa.text("select model_name, published_in from change.model where published_in is not null")
        )
    }
    changed = connection.scalars(sa.text("select model_name from change.model where changed_in > published_in")).all()
    submissions: set[int] | None = None
    if all(table in since for table in conserved):
        least = min((since[table] for table in conserved), default=0)
        sources = ["select submission_id from change.submission where build_number > :since"]
        sources += [
            f"select submission_id from change.{table} where build_number > :since"  # noqa: S608 - names of ours
            for table in conserved
            if table in changed
        ]
        submissions = set(connection.scalars(sa.text(" union ".join(sources)), {"since": least}))
    return Unpublished(since, frozenset(changed), None if submissions is None else frozenset(submissions))


def note_published(connection: sa.Connection, tables: Iterable[str]) -> None:
    """Note that these tables are public as they are built now, and let go of what every table has taken in."""
    connection.execute(
        sa.text("update change.model set published_in = change.current_build() where model_name = any(:tables)"),
        {"tables": list(tables)},
    )
    connection.execute(sa.text("select change.let_go()"))


def note_restored(connection: sa.Connection) -> None:
    """Note that what is public is not what was last published from the build: the next one compares all of it."""
    if connection.scalar(
        sa.text("select to_regclass('change.model') is not null")
    ):  # no night since an upgrade: it is not
        connection.execute(sa.text("update change.model set published_in = null"))


def foreign_keys(connection: sa.Connection, table: str) -> list[tuple[list[str], str, list[str]]]:
    """The foreign keys that a public table gets: its columns, the built table that they refer to, and its columns."""
    rows = connection.execute(
        sa.text(
            "select columns, referred_name, referred_columns from change.foreign_key where table_name = :table"
            " order by referred_name, columns"
        ),
        {"table": table},
    )
    return [(list(row.columns), str(row.referred_name), list(row.referred_columns)) for row in rows]
