{# Forms 4 and 6: the households of a class, and how many of them lack what each number of the standard's list means. #}
{% macro deprivation_form(class_code, review_result, household_review, household_deprivation, deprivation) -%}
{%- set figures = [class_code ~ '_household_count', 'deprivation_count'] -%}
{%- for number in range(1, 13) -%}{%- do figures.append('deprivation_%02d_count' % number) -%}{%- endfor -%}
with {{ reviewed_communes(review_result) }},

household as (
    select
        period_code,
        standard_code,
        commune_code,
        count(*) filter (where deprivation_count is null) as untold_count
    from {{ household_review }}
    where class_code = '{{ class_code }}'
    group by period_code, standard_code, commune_code
),

deprived as (
    select
        period_code,
        standard_code,
        commune_code,
        deprivation_code,
        count(*) as household_count
    from {{ household_deprivation }}
    where class_code = '{{ class_code }}'
    group by period_code, standard_code, commune_code, deprivation_code
),

numbered as (
    select
        deprived.period_code,
        deprived.standard_code,
        deprived.commune_code,
        {%- for number in range(1, 13) %}
            coalesce(sum(deprived.household_count) filter (where deprivation.form_number = {{ number }}), 0)
                as {{ 'deprivation_%02d_count' % number }},
        {%- endfor %}
        sum(deprived.household_count) as deprivation_count
    from deprived
    inner join {{ deprivation }} as deprivation
        on
            deprived.standard_code = deprivation.standard_code
            and deprived.deprivation_code = deprivation.deprivation_code
    group by deprived.period_code, deprived.standard_code, deprived.commune_code
),

list_of_standard as (
    select
        standard_code,
        max(form_number) as last_number
    from {{ deprivation }}
    group by standard_code
),

commune as (
    select
        {{ reviewed_commune_keys() }},
        reviewed.{{ class_code }}_household_count,
        -- known if told of every household, and only what the standard's list has
        {%- for number in range(1, 13) %}
            case
                when coalesce(household.untold_count, 0) = 0 and {{ number }} <= list_of_standard.last_number
                    then coalesce(numbered.{{ 'deprivation_%02d_count' % number }}, 0)
            end as {{ 'deprivation_%02d_count' % number }},
        {%- endfor %}
        case
            when coalesce(household.untold_count, 0) = 0 and list_of_standard.last_number is not null
                then coalesce(numbered.deprivation_count, 0)
        end as deprivation_count
    from reviewed
    left join household on {{ of_reviewed_commune('household') }}
    left join numbered on {{ of_reviewed_commune('numbered') }}
    left join list_of_standard on reviewed.standard_code = list_of_standard.standard_code
),

{{ official_form(figures) }}

select
    {{ official_form_keys() }},
    {{ figures | join(',\n    ') }},
    commune_count
from form
{%- endmacro %}

{# Forms 5 and 7: the share of each column of form 4 or 6 in all households of the class. #}
{% macro deprivation_rate_form(class_code, counts) -%}
select
    {{ official_form_keys() }},
    {{ class_code }}_household_count,
    {%- for number in range(1, 13) %}
        {{ official_form_rate('deprivation_%02d_count' % number, class_code ~ '_household_count') }}
            as {{ 'deprivation_%02d_rate' % number }},
    {%- endfor %}
    commune_count
from {{ counts }}
{%- endmacro %}
