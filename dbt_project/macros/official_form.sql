{#
    The rows of an official form, as CTE `form`: each commune of the CTE `commune`, its district and its province, with
    the sum of each figure, which is null if that of one commune is not known. `by` are the further columns that tell
    rows of one place apart. The period and the standard are keys of every step, so that a filter on them reaches the
    tables.
#}
{% macro official_form(figures, by=[]) -%}
{%- set keys = ['period_code', 'standard_code'] + by -%}
summed as (
    select
        {%- for key in keys %}
            commune.{{ key }},
        {%- endfor %}
        place.admin_unit_level,
        place.admin_unit_code,
        place.district_code,
        commune.province_code,
        count(*) as commune_count
        {%- for figure in figures %},
            case when count(*) = count(commune.{{ figure }}) then sum(commune.{{ figure }})::bigint end as {{ figure }}
        {%- endfor %}
    from commune
    cross join lateral (
        values
        ('commune', commune.commune_code, commune.district_code),
        ('district', commune.district_code, commune.district_code),
        ('province', commune.province_code, null)
    ) as place (admin_unit_level, admin_unit_code, district_code)
    where place.admin_unit_code is not null
    group by
        {%- for key in keys %}
            commune.{{ key }},
        {%- endfor %}
        place.admin_unit_level,
        place.admin_unit_code,
        place.district_code,
        commune.province_code
),

ordered as (
    select
        *,
        -- each district before its communes, the province last; a commune without district stands for itself
        row_number() over (
            partition by {{ keys | join(', ') }}, province_code
            order by
                admin_unit_level = 'province',
                district_code,
                admin_unit_level = 'commune',
                admin_unit_code
        )::integer as row_order,
        dense_rank() over (
            partition by {{ keys | join(', ') }}, province_code order by district_code
        ) as district_number,
        row_number() over (
            partition by {{ keys | join(', ') }}, province_code, district_code
            order by admin_unit_level = 'commune', admin_unit_code
        ) as place_number
    from summed
),

form as (
    select
        ordered.*,
        unit.name as admin_unit_name,
        case
            when ordered.admin_unit_level = 'district' then ordered.district_number::text
            when ordered.district_code is not null then ordered.district_number || '.' || (ordered.place_number - 1)
            -- without districts the province is the first of its communes' places
            when ordered.admin_unit_level = 'commune' then (ordered.place_number - 1)::text
        end as tt
    from ordered
    inner join {{ ref('dim_period') }} as period on ordered.period_code = period.period_code
    left join {{ ref('dim_admin_unit') }} as unit
        on
            ordered.admin_unit_level = unit.level
            and ordered.admin_unit_code = unit.code
            and period.end_date between unit.valid_from and coalesce(unit.valid_to, 'infinity')
)
{%- endmacro %}

{# What identifies a row of an official form, before the form's own columns. #}
{% macro official_form_keys() -%}
    period_code,
    standard_code,
    province_code,
    district_code,
    admin_unit_level,
    admin_unit_code,
    row_order,
    tt,
    admin_unit_name
{%- endmacro %}

{# Part of a whole in percent; blank where there is no whole. #}
{% macro official_form_rate(part, whole) -%}
    trim_scale(100 * {{ part }}::numeric / nullif({{ whole }}, 0))
{%- endmacro %}

{# CTE `reviewed`: the communes whose household list came, with what every form needs of them. #}
{% macro reviewed_communes(review_result) -%}
reviewed as (
    select
        period_code,
        review_year,
        standard_code,
        province_code,
        district_code,
        commune_code,
        household_count,
        population,
        poor_household_count,
        near_poor_household_count
    from {{ review_result }}
    where poor_household_count is not null
)
{%- endmacro %}

{# What identifies a commune of the CTE `reviewed` in the CTE `commune` of a form. #}
{% macro reviewed_commune_keys() -%}
    reviewed.period_code,
        reviewed.standard_code,
        reviewed.province_code,
        reviewed.district_code,
        reviewed.commune_code
{%- endmacro %}

{# Condition of a join: `figures` are of the commune of the CTE `reviewed`, its year and standard. #}
{% macro of_reviewed_commune(figures) -%}
    reviewed.period_code = {{ figures }}.period_code
            and reviewed.standard_code = {{ figures }}.standard_code
            and reviewed.commune_code = {{ figures }}.commune_code
{%- endmacro %}

{# A figure counted from rows: none of the commune is none counted. #}
{% macro zero_without_rows(figures, figure) -%}
    case when {{ figures }}.commune_code is null then 0 else {{ figures }}.{{ figure }} end as {{ figure }}
{%- endmacro %}
