{#
    Which slices of a kept table a change of an input touches, where it is more than the input's own columns: for each
    model a macro `touched__<model>` that gives a select for each such input (see materializations/kept.sql). A household's new code
    or class reaches rows that name it by what they said until now: they are found in the table itself.
#}
{% macro touched__int_household__reviewed(since) -%}
    {{ return({
        'int_household__list_before': 'select review.household_id from ' ~ ref('int_household__classified')
            ~ ' as review inner join ' ~ changed('int_household__list_before', since)
            ~ ' using (sender_code, standard_code, review_year)',
        'stg_household_review_held': touched_households('stg_household_review', since),
    }) }}
{%- endmacro %}

{% macro touched__int_movement__household(since) -%}
    {{ return({
        'int_household__list': 'select review.household_id from ' ~ ref('int_household__classified')
            ~ ' as review inner join ' ~ ref('int_place__resolved') ~ ' as place'
            ~ ' on review.commune_code = place.named_commune_code and review.period_end_on = place.named_on'
            ~ " and (review.period_end_on + interval '1 year')::date = place.placed_on inner join "
            ~ changed('int_household__list', since) ~ ' on place.reporting_sender_code = changed_row.sender_code'
            ~ ' and review.standard_code = changed_row.standard_code'
            ~ ' and review.review_year + 1 = changed_row.review_year',
        'stg_household_review_held': touched_households('stg_household_review', since),
    }) }}
{%- endmacro %}

{% macro touched__int_member__person(since) -%}
    {{ return({'stg_household_member': touched_households('stg_household_member', since)}) }}
{%- endmacro %}

{#
    Households whose people bear one national id are judged together: the touched ones, and all that are linked to them so,
    by what they said until now or say now.
#}
{% macro closed__int_member__person(since) -%}
    with recursive linked as (
        select household_id from touched_slice
        union
        select own.household_id
        from {{ this }} as own
        where own.national_id_key in (
            select {{ keyed_hash('national_id') }} from {{ changed('stg_household_member', since) }}
        )
        union
        select other.household_id
        from linked
        inner join {{ this }} as own on linked.household_id = own.household_id
        inner join {{ this }} as other on own.national_id_key = other.national_id_key
    )

    select household_id from linked
{%- endmacro %}

{# The households that anybody was in whose listing changed: each of them may have lost people to another, or won them. #}
{% macro touched__int_household__flow(since) -%}
    {{ return({
        'int_member__person': 'select household_id from ' ~ changed('int_member__person', since)
            ~ ' union select household_id from ' ~ ref('int_member__person')
            ~ ' where person_key in (select person_key from ' ~ changed('int_member__person', since) ~ ')',
    }) }}
{%- endmacro %}

{% macro touched__int_member__membership(since) -%}
    {{ return({
        'int_member__list_year': 'select person.person_key from ' ~ ref('int_member__person')
            ~ ' as person where person.household_id in (select household_id from '
            ~ changed('int_member__list_year', since) ~ ')',
    }) }}
{%- endmacro %}

{% macro touched__vault_person(since) -%}
    {{ return({
        'int_household__classified': 'select person_key from ' ~ this
            ~ ' where (household_code, review_year) in (select household_code, review_year from '
            ~ changed('int_household__classified', since) ~ ')',
    }) }}
{%- endmacro %}

{# Groups that a row was or is in, and those of all rows of its household: the last one under a name stands for it. #}
{% macro touched__int_identity__candidate(since) -%}
    {%- set side = changed('int_identity__side', since) -%}
    {{ return({
        'int_identity__side': "select unnest(array[id_group, 'household:' || household_id, namesake_group]) from " ~ side
            ~ ' union select namesake_group from ' ~ ref('int_identity__side')
            ~ ' where household_id in (select household_id from ' ~ side ~ ')'
            ~ " union select 'household:' || household_id from " ~ ref('int_household__flow')
            ~ ' where previous_household_id in (select household_id from ' ~ side ~ ')',
        'int_household__flow': "select 'household:' || household_id from " ~ changed('int_household__flow', since),
    }) }}
{%- endmacro %}

{% macro touched__int_support__case(since) -%}
    {{ return(touched_by_household(['sender_code', 'support_id'], since)) }}
{%- endmacro %}

{% macro touched__fct_support(since) -%}
    {{ return({'int_support__province': touched_by_report(['sender_code', 'support_id'], 'int_support__case',
        'int_support__province', since)}) }}
{%- endmacro %}

{% macro touched__int_credit__loan(since) -%}
    {%- set touched = touched_by_household(['sender_code', 'loan_id'], since) -%}
    {%- do touched.update({
        'int_household__classified': 'select sender_code, loan_id from ' ~ this
            ~ ' where borrower_person_key in (select head_person_key from '
            ~ changed('int_household__classified', since) ~ ')',
    }) -%}
    {{ return(touched) }}
{%- endmacro %}

{% macro touched__fct_credit_loan(since) -%}
    {{ return({'int_credit__province': touched_by_report(['sender_code', 'loan_id'], 'int_credit__loan',
        'int_credit__province', since)}) }}
{%- endmacro %}

{# A statement that comes or goes may lack loans of the one before it. #}
{% macro touched__int_credit__balance(since) -%}
    {{ return({
        'int_credit__province': touched_by_report(['sender_code', 'loan_id'], 'int_credit__loan',
            'int_credit__province', since),
        'stg_submission': 'select loan.sender_code, loan.loan_id from ' ~ ref('int_credit__loan')
            ~ ' as loan inner join ' ~ changed('stg_submission', since)
            ~ " on changed_row.dataset = 'credit_loan' and loan.sender_code = changed_row.sender_code"
            ~ " and changed_row.period_end = (date_trunc('quarter', loan.period_end_on)"
            ~ " + interval '6 months')::date - 1",
        'stg_credit_loan_held': 'select sender_code, loan_id from ' ~ changed('stg_credit_loan', since),
    }) }}
{%- endmacro %}

{# The households of the rows of reports whose standing changed. #}
{% macro touched_households(report, since) -%}
    {{ return(
        'select known.household_id from ' ~ changed(report, since) ~ ' inner join ' ~ ref('int_household__identity')
        ~ ' as known using (household_code)'
    ) }}
{%- endmacro %}

{# Rows of the table itself whose household has another identity or another version than it had. #}
{% macro touched_by_household(slice_by, since) -%}
    {%- set found = 'select ' ~ slice_by | join(', ') ~ ' from ' ~ this ~ ' where ' -%}
    {{ return({
        'int_household__identity':
            found ~ 'household_code in (select household_code from ' ~ changed('int_household__identity', since) ~ ')',
        'int_household__version':
            found ~ 'household_id in (select household_id from ' ~ changed('int_household__version', since) ~ ')',
    }) }}
{%- endmacro %}

{# Rows of a report of which it is told anew in which province it is. #}
{% macro touched_by_report(slice_by, rows, provinces, since) -%}
    {{ return(
        'select ' ~ slice_by | join(', ') ~ ' from ' ~ ref(rows) ~ ' where submission_id in (select submission_id from '
        ~ changed(provinces, since) ~ ')'
    ) }}
{%- endmacro %}

{# Who is missed on a list stands in it with the row of the year before. #}
{% macro touched__ind_sum__household(since) -%}
    {%- set review = changed('fct_household_review', since) -%}
    {{ return({
        'fct_household_review': 'select period_code, commune_code from ' ~ review
            ~ ' union select missed.period_code, missed.commune_code from ' ~ mart_table('fct_household_movement')
            ~ ' as missed inner join ' ~ review ~ ' on missed.household_code = changed_row.household_code'
            ~ ' and missed.list_year = changed_row.review_year and missed.standard_code = changed_row.standard_code'
            ~ ' where missed.class_code is null',
    }) }}
{%- endmacro %}

{% macro touched__ind_sum__member(since) -%}
    {{ return({
        'fct_support': touched_by_service(
            'fct_support', "person_no is not null and status_code = 'delivered'", ['policy_code', 'person_no'], since
        ),
    }) }}
{%- endmacro %}

{% macro touched__ind_sum__credit_need(since) -%}
    {{ return({
        'fct_support': touched_by_service(
            'fct_support', "status_code in ('approved', 'delivered', 'refused')", ['policy_code'], since
        ),
        'fct_credit_loan': touched_by_service('fct_credit_loan', 'disbursed_vnd > 0', [], since),
    }) }}
{%- endmacro %}

{#
    The communes and years of households of which it changed whether they were served: a report sent again says of most
    what it said before. `what` are the columns that tell one service from another.
#}
{% macro touched_by_service(fact, condition, what, since) -%}
    {%- set columns = (['household_id', 'left(period_code, 4)'] + what) | join(', ') -%}
    {{ return(
        'select period_code, commune_code from ' ~ mart_table('fct_household_review')
        ~ ' where (household_id, period_code) in (select household_id, left(period_code, 4) from ' ~ changed(fact, since)
        ~ ' where household_id is not null and ' ~ condition ~ ' group by ' ~ columns
        ~ ' having sum(case when is_added then 1 else -1 end) <> 0)'
    ) }}
{%- endmacro %}

{# A fact that the model reads through the rows of its family: dbt knows of direct references alone. #}
{% macro mart_table(name) -%}
    {{ return(api.Relation.create(database=this.database, schema='mart_build', identifier=name)) }}
{%- endmacro %}
