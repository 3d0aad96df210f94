{#
    A table that is kept from night to night: a build brings it to what its select gives now, touching only rows that
    differ, and notes them in `change.<model>` for those that read it. One transaction, so that a kill leaves all or
    nothing. Of four ways the cheapest that is right is taken:

    renew    the project, its lists or the secret changed, or an input was renewed: made anew
    skip     no input changed since it was last built: nothing to do
    slice    every input that changed tells which slices of the table it can touch: these are computed again
    compare  else: all of it is computed again

    A model that can be sliced says so in its config: `slice_by`, the columns of a slice; `touched_by`, for each input the
    columns by which its changed rows tell the slices that they touch, or none where no row is touched but those that other
    inputs tell. Where it takes more, the macro `touched__<model>` gives the select for an input, `closed__<model>` adds
    slices that are computed together, and `slice_condition` tells which rows (`{row}`) of the table are computed again. In
    the model's SQL a comment `-- slice: columns` after an input says that of this input only rows in a touched slice are
    needed, `-- slice: where condition` names them by a condition over `touched_slice`.

    A slice must be computed from its own rows alone: `tests/integration/test_incremental.py` holds what is built against a
    rebuild.
#}
{% materialization kept, adapter='postgres' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set key = kept_key() -%}
    {%- set due = none if existing is none or not existing.is_table else kept_due() -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if due is none or due.is_renewed %}
        {% do kept_renew(existing, target, key, sql) %}
    {% elif not due.inputs %}
        {% call noop_statement('main', 'SKIP', 'SKIP', 0) %}{% endcall %}
    {% else %}
        {%- set touched = kept_touched(due) -%}
        {% do log('of ' ~ model['name'] ~ ' changed ' ~ due.inputs | join(', ') ~ ': '
            ~ ('slice' if touched is not none else 'compare'), info=True) %}
        {% if touched is not none %}
            {% do kept_find_slices(touched, due.since) %}
        {% endif %}
        {% do kept_bring_up_to_date(target, key, sql, touched is not none) %}
    {% endif %}
    {% do kept_run(kept_note(due is none or due.is_renewed)) %}

    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# Runs a statement in the transaction of the model. #}
{% macro kept_run(sql, fetch_result=False) -%}
    {%- call statement('kept', fetch_result=fetch_result) -%}
        {{ sql }}
    {%- endcall -%}
    {{ return(load_result('kept').table) }}
{%- endmacro %}

{# The columns that identify a row: of the contract's primary key or, where there is no contract, of the config. #}
{% macro kept_key() -%}
    {%- set primary = model['constraints'] | selectattr('type', 'equalto', 'primary_key') | first -%}
    {%- set key = (primary or {}).get('columns') or config.get('key') -%}
    {%- if not key -%}
        {%- do exceptions.raise_compiler_error(model['name'] ~ ' is kept and names no key') -%}
    {%- endif -%}
    {{ return(key) }}
{%- endmacro %}

{#
    What is due for the model, or none if it was never built under this definition: `inputs`, of which each has changed
    since; `since`, the build that brought the model up to date; `is_renewed`, whether an input was made anew.
#}
{% macro kept_due() -%}
    {%- set found = kept_run(
        "select since, is_renewed, changed_inputs from change.due where model_name = '" ~ model['name'] ~ "'",
        fetch_result=True
    ) -%}
    {%- if not found.rows -%}{{ return(none) }}{%- endif -%}
    {%- set row = found.rows[0] -%}
    {{ return({
        'since': row['since'],
        'is_renewed': row['is_renewed'],
        'inputs': (row['changed_inputs'] or '').split(',') | reject('equalto', '') | list,
    }) }}
{%- endmacro %}

{# For each changed input the select of the slices that it touches; none if the model cannot be sliced by all of them. #}
{% macro kept_touched(due) -%}
    {%- set slice_by = config.get('slice_by') -%}
    {%- set touched_by = config.get('touched_by') or {} -%}
    {%- set own = (context.get('touched__' ~ model['name']) or kept_no_own)(due.since) -%}
    {%- set selects = [] -%}
    {%- for input in due.inputs -%}
        {%- if slice_by and input in own -%}
            {%- do selects.append(own[input]) -%}
        {%- elif slice_by and input in touched_by -%}
            {%- if touched_by[input] is not none -%}
                {%- do selects.append(
                    'select ' ~ touched_by[input] | join(', ') ~ ' from ' ~ changed(input, due.since)
                ) -%}
            {%- endif -%}
        {%- else -%}
            {{ return(none) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(selects) }}
{%- endmacro %}

{% macro kept_no_own(since) -%}{{ return({}) }}{%- endmacro %}

{# The table `touched_slice` of the transaction. #}
{% macro kept_find_slices(selects, since) -%}
    {%- set columns = config.get('slice_by') | join(', ') -%}
    {%- set whole -%}
        select {{ columns }}
        from (
            {%- for select in selects %}
            ({{ select }}){{ ' union' if not loop.last }}
            {%- else %}
            select {{ columns }} from {{ this }} where false
            {%- endfor %}
        ) as touched ({{ columns }})
        where num_nulls({{ columns }}) = 0
    {%- endset -%}
    {% do kept_run('create temporary table touched_slice on commit drop as ' ~ whole ~ '; analyze touched_slice') %}
    {%- set closed = context.get('closed__' ~ model['name']) -%}
    {% if closed %}
        {# step by step along the indexes: the planner takes each step for one over all rows #}
        {% do kept_run('set local enable_hashjoin = off; set local enable_mergejoin = off') %}
        {% do kept_run('create temporary table closed_slice on commit drop as ' ~ closed(since)) %}
        {% do kept_run('set local enable_hashjoin = on; set local enable_mergejoin = on') %}
        {% do kept_run('truncate touched_slice; insert into touched_slice select * from closed_slice;'
            ~ ' analyze touched_slice') %}
    {% endif %}
{%- endmacro %}

{#
    The rows of an input that changed since a build, as they were and as they are: of a kept table, or of a report, whose
    rows are those of all reports whose standing changed, with the columns of `raw`.
#}
{% macro changed(input, since) -%}
    {%- if input.startswith('stg_submission') -%}
        (
            select submission.*
            from ops.submission
            where submission.submission_id in (
                select submission_id from change.submission where build_number > {{ since }}
            )
        ) as changed_row
    {%- elif input.startswith('stg_') -%}
        {%- set dataset = input | replace('stg_', '', 1) | replace('_held', '') -%}
        (
            select report.*, submission.sender_code
            from raw.{{ adapter.quote(dataset) }} as report
            inner join ops.submission on report.submission_id = submission.submission_id
            where report.submission_id in (
                select submission_id
                from change.submission
                where build_number > {{ since }} and dataset = '{{ dataset }}'
            )
        ) as changed_row
    {%- else -%}
        (select * from change.{{ adapter.quote(input) }} where build_number > {{ since }}) as changed_row
    {%- endif -%}
{%- endmacro %}

{#
    The model's select with its inputs reduced to the touched slices. They are temporary tables, so that the planner knows
    how many rows they have: it cannot tell from a condition, and would join thousands of rows one by one.
#}
{% macro kept_sliced(sql) -%}
    {%- set relation = '("[^"]+"\\."[^"]+"\\.("[^"]+"))' -%}
    {%- set alias = '(?: +as +(\\w+))?' -%}
    {%- set pattern = modules.re.compile(relation ~ alias ~ '\\s*-- slice: *([^\n]+)') -%}
    {%- set names = {} -%}
    {%- set parts = [] -%}
    {%- set end = namespace(of_last=0) -%}
    {%- for match in pattern.finditer(sql) -%}
        {%- set columns = match.group(4) | trim -%}
        {%- set condition = columns[6:] if columns.startswith('where ')
            else '(' ~ columns ~ ') in (select ' ~ columns ~ ' from touched_slice)' -%}
        {%- set rows = 'select * from ' ~ match.group(1) ~ ' where ' ~ condition -%}
        {%- if rows not in names -%}
            {%- do names.update({rows: 'touched_part_' ~ loop.index}) -%}
            {%- do kept_run(
                'create temporary table ' ~ names[rows] ~ ' on commit drop as ' ~ rows ~ '; analyze ' ~ names[rows]
            ) -%}
        {%- endif -%}
        {%- do parts.append(sql[end.of_last:match.start()]) -%}
        {%- do parts.append(names[rows] ~ ' as ' ~ (match.group(3) or match.group(2))) -%}
        {%- set end.of_last = match.end() -%}
    {%- endfor -%}
    {%- do parts.append(sql[end.of_last:]) -%}
    {{ return(parts | join('')) }}
{%- endmacro %}

{# Condition: the row of this alias is in a touched slice. #}
{% macro kept_in_slice(alias) -%}
    {%- set columns = config.get('slice_by') -%}
    {%- if config.get('slice_condition') -%}
    ({{ config.get('slice_condition') | replace('{row}', alias) }})
    {%- else -%}
    ({{ alias }}.{{ columns | join(', ' ~ alias ~ '.') }}) in (select {{ columns | join(', ') }} from touched_slice)
    {%- endif -%}
{%- endmacro %}

{# What is noted of a row of the vault is its key: names stand nowhere else. None where all of a row is noted. #}
{% macro kept_noted(key) -%}
    {{ return(key | join(', ') if model['schema'] == 'vault_build' else none) }}
{%- endmacro %}

{% macro kept_bring_up_to_date(target, key, sql, is_sliced) -%}
    {%- set columns = adapter.get_columns_in_relation(target) | map(attribute='quoted') | list -%}
    {%- set names = columns | join(', ') -%}
    {%- set log = 'change.' ~ adapter.quote(target.identifier) -%}
    {%- set noted = kept_noted(key) or names -%}
    {%- set same_key -%}
        {%- for column in key %}fresh.{{ column }} = kept.{{ column }}{{ ' and ' if not loop.last }}{% endfor -%}
    {%- endset -%}
    {%- set same_slice -%}
        {%- for column in config.get('slice_by') or [] %} and fresh.{{ column }} = kept.{{ column }}{% endfor -%}
    {%- endset -%}
    {% do kept_run(
        'create temporary table fresh_row on commit drop as select ' ~ names ~ ' from ('
        ~ (kept_sliced(sql) if is_sliced else sql) ~ '\n) as fresh'
        ~ (' where ' ~ kept_in_slice('fresh') if is_sliced else '') ~ '; analyze fresh_row'
    ) %}
    {% call statement('removed') %}
        with removed as (
            delete from {{ target }} as kept
            where
                {{ kept_in_slice('kept') if is_sliced else 'true' }}
                and not exists (
                    select 1
                    from fresh_row as fresh
                    where
                        {{ same_key }}
                        and row(fresh.{{ columns | join(', fresh.') }})
                        is not distinct from row(kept.{{ columns | join(', kept.') }})
                )
            returning {{ noted }}
        )

        insert into {{ log }} (build_number, is_added, {{ noted }})
        select change.current_build(), false, {{ noted }}
        from removed
    {% endcall %}
    {# a row of the same key in another slice is an error, which the key then tells #}
    {% call statement('main') %}
        with added as (
            insert into {{ target }} ({{ names }})
            select {{ names }}
            from fresh_row as fresh
            where not exists (
                select 1 from {{ target }} as kept where {{ same_key }}{{ same_slice if is_sliced }}
            )
            returning {{ noted }}
        )

        insert into {{ log }} (build_number, is_added, {{ noted }})
        select change.current_build(), true, {{ noted }}
        from added
    {% endcall %}
{%- endmacro %}

{# Makes the table anew beside the one that is there, with its keys, indexes and log, and puts it in its place. #}
{% macro kept_renew(existing, target, key, sql) -%}
    {%- set fresh = make_intermediate_relation(target) -%}
    {%- set log = 'change.' ~ adapter.quote(target.identifier) -%}
    {{ drop_relation_if_exists(load_cached_relation(fresh)) }}
    {% call statement('main') %}
        {{ get_create_table_as_sql(False, fresh, sql) }}
    {% endcall %}
    {% if existing is not none %}
        {%- set former = make_backup_relation(target, existing.type) -%}
        {% do adapter.rename_relation(existing, former) %}
        {% do adapter.drop_relation(former) %}
    {% endif %}
    {% do adapter.rename_relation(fresh, target) %}
    {% do kept_run(
        'alter table ' ~ target ~ ' add primary key (' ~ key | join(', ') ~ ');'
        ~ ' analyze ' ~ target ~ ';'
        ~ ' drop table if exists ' ~ log ~ ';'
        ~ ' create table ' ~ log ~ ' as select null::bigint as build_number, true as is_added, '
        ~ (kept_noted(key) or '*') ~ ' from ' ~ target
        ~ ' with no data;'
        ~ ' create index on ' ~ log ~ ' (build_number)'
    ) %}
    {% do create_indexes(target) %}
    {% for columns in kept_referring(key) %}
        {% do kept_run('create index on ' ~ target ~ ' (' ~ columns | join(', ') ~ ')') %}
    {% endfor %}
    {% do persist_docs(target, model) %}
{%- endmacro %}

{#
    The columns by which rows refer to tables that lose rows: without an index each row lost there would be looked for here
    one by one. The other dimensions are lists that only grow.
#}
{% macro kept_referring(key) -%}
    {%- set losing = [
        'dim_submission', 'dim_household', 'dim_person', 'dim_loan', 'fct_household_review', 'fct_household_member',
    ] -%}
    {%- set found = [] -%}
    {%- for reference in model['constraints'] | selectattr('type', 'equalto', 'foreign_key') -%}
        {%- set columns = reference['columns'] -%}
        {%- set referred = (reference['to'] | replace('"', '')).split('.') | last -%}
        {%- if referred in losing and key[: columns | length] != columns -%}
            {%- do found.append(columns) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# Notes that the model is up to date, whether it was made anew and, then, what its contract refers to. #}
{% macro kept_note(is_renewed) -%}
    {%- set is_public = model['schema'] in ('mart_build', 'vault_build') -%}
    select change.note_model('{{ model['name'] }}', {{ is_renewed }});
    {%- if is_renewed and is_public %}
    delete from change.foreign_key where table_name = '{{ model['name'] }}';
    {%- for key in model['constraints'] | selectattr('type', 'equalto', 'foreign_key') %}
    insert into change.foreign_key (table_name, columns, referred_name, referred_columns)
    values (
        '{{ model['name'] }}',
        array['{{ key['columns'] | join("', '") }}'],
        '{{ key['to'] | replace('"', '') }}',
        array['{{ key['to_columns'] | join("', '") }}']
    );
    {%- endfor %}
    {%- endif %}
{%- endmacro %}
