"""What changed in the private tables of the warehouse from build to build (schema `change`), so that a night costs what
changed.

dbt keeps its tables (macro `kept`) and notes here which rows of each it removed and added, for the tables that read it
and for publishing. All of it can be lost: then the next build makes everything anew.
"""

from collections.abc import Iterable, Mapping

import psycopg

_STRUCTURE = """
create table if not exists change.build (
    build_number bigint generated always as identity primary key,
    begun_at timestamptz not null default now(),
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

_AS_OF = """
coalesce(
    nullif(current_setting('chungtay.as_of', true), '')::date, (now() at time zone 'Asia/Ho_Chi_Minh')::date
)
"""


def begin_build(
    connection: psycopg.Connection[tuple[object, ...]],
    definition: str,
    inputs: Mapping[str, Iterable[str]],
    *,
    looks_at_submissions: bool,
) -> None:
    """Note that a run of dbt begins under this definition, and which reports changed since the last that looked.

    `inputs` are what each kept table is made from. Where the definition is another one than last time, tables that are
    kept no more leave the log.
    """
    with connection.transaction():
        connection.execute("create schema if not exists change")
        connection.execute(_STRUCTURE)
        last = connection.execute(
            "select definition from change.build order by build_number desc limit 1"
        ).fetchone()
        row = connection.execute(
            f"insert into change.build (definition, as_of) values (%s, {_AS_OF}) returning build_number".encode(),
            [definition],
        ).fetchone()
        assert row is not None
        if last != (definition,):
            connection.execute("delete from change.input")
            with connection.cursor().copy("copy change.input (model_name, input) from stdin") as copy:
                for model, sources in inputs.items():
                    for source in sources:
                        copy.write_row((model, source))
            connection.execute("delete from change.model where not model_name = any(%s)", [list(inputs)])
        if looks_at_submissions:
            connection.execute(
                _NOTE_SUBMISSIONS, {"build_number": row[0], "of_no_account": list(_OF_NO_ACCOUNT)}
            )


def is_settled(connection: psycopg.Connection[tuple[object, ...]], relations: Iterable[str], definition: str) -> bool:
    """Whether all these relations are there, and every kept table was built under this definition."""
    if connection.execute("select to_regclass('change.model') is null").fetchone() == (True,):
        return False
    row = connection.execute(
        "select (select bool_and(to_regclass(name) is not null) from unnest(%s::text[]) as name)"
        " and (select bool_and(definition = %s) from change.model)",
        [list(relations), definition],
    ).fetchone()
    return row == (True,)
