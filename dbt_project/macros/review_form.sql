{# Forms 12 and 13: all households and persons beside those of a class, by what is told of them. #}
{% macro review_form(class_code, review_result, household_review, commune_profile) -%}
{%- set told = {
    'kinh': 'not is_ethnic_minority', 'ethnic_minority': 'is_ethnic_minority', 'merit': 'is_merit_family',
    'no_labour_capacity': 'has_no_labour_capacity', 'female_head': "head_sex_code = 'female'",
} -%}
{%- set of_all = [
    'household_count', 'kinh_household_count', 'ethnic_minority_household_count', 'local_minority_household_count',
    'population', 'kinh_population', 'ethnic_minority_population', 'local_minority_population',
] -%}
{%- set households = class_code ~ '_household_count' -%}
{%- set persons = class_code ~ '_member_count' -%}
{%- set of_class = [
    households, 'kinh_' ~ households, 'ethnic_minority_' ~ households, 'local_minority_' ~ households,
    'merit_' ~ households, 'no_labour_capacity_' ~ households, 'female_head_' ~ households,
    persons, 'kinh_' ~ persons, 'ethnic_minority_' ~ persons, 'local_minority_' ~ persons,
] -%}
with {{ reviewed_communes(review_result) }},

household as (
    select
        period_code,
        standard_code,
        commune_code,
        {%- for name, condition in told.items() %}
            {{ sum_if_all_known('(' ~ condition ~ ')::integer', 'true') }} as {{ name }}_{{ households }},
        {%- endfor %}
        {%- for name in ['kinh', 'ethnic_minority'] %}
            {{ sum_if_all_known('(' ~ told[name] ~ ')::integer * member_count', 'true') }} as {{ name }}_{{ persons }},
        {%- endfor %}
        {{ sum_if_all_known('member_count', 'true') }} as {{ persons }}
    from {{ household_review }}
    where class_code = '{{ class_code }}'
    group by period_code, standard_code, commune_code
),

commune as (
    select
        {{ reviewed_commune_keys() }},
        reviewed.household_count,
        reviewed.household_count - profile.ethnic_minority_household_count as kinh_household_count,
        profile.ethnic_minority_household_count,
        reviewed.population,
        reviewed.{{ households }},
        {%- for name in told %}
            {{ zero_without_rows('household', name ~ '_' ~ households) }},
        {%- endfor %}
        {%- for name in ['kinh_', 'ethnic_minority_', ''] %}
            {{ zero_without_rows('household', name ~ persons) }},
        {%- endfor %}
        -- no report tells these
        null::bigint as local_minority_household_count,
        null::bigint as kinh_population,
        null::bigint as ethnic_minority_population,
        null::bigint as local_minority_population,
        null::bigint as local_minority_{{ households }},
        null::bigint as local_minority_{{ persons }}
    from reviewed
    left join {{ commune_profile }} as profile
        on
            reviewed.commune_code = profile.commune_code
            and reviewed.period_code = profile.period_code
    left join household on {{ of_reviewed_commune('household') }}
),

{{ official_form(of_all + of_class) }}

select
    {{ official_form_keys() }},
    {{ (of_all + of_class) | join(',\n    ') }},
    commune_count
from form
{%- endmacro %}
