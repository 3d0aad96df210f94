{%- set told = {
    'ethnic_minority': 'is_ethnic_minority',
    'no_labour_capacity': 'has_no_labour_capacity',
    'merit': 'is_merit_family',
    'other': 'not (is_ethnic_minority or has_no_labour_capacity or is_merit_family)',
} -%}
{%- set figures = [] -%}
{%- for class_code in ['poor', 'near_poor'] -%}
    {%- do figures.append(class_code ~ '_count') -%}
    {%- for name in told -%}{%- do figures.append(name ~ '_' ~ class_code ~ '_count') -%}{%- endfor -%}
{%- endfor -%}

with {{ reviewed_communes(ref('fct_review_result')) }},

household as (
    select
        review.period_code,
        review.standard_code,
        review.commune_code,
        {%- for class_code in ['poor', 'near_poor'] %}
            {%- set of_class = "review.class_code = '" ~ class_code ~ "'" %}
            {{ sum_if_all_known('measure.weight', of_class) }} as {{ class_code }}_count,
            {%- for name, condition in told.items() %}
                {{ sum_if_all_known('(' ~ condition ~ ')::integer * measure.weight', of_class) }}
                    as {{ name }}_{{ class_code }}_count,
            {%- endfor %}
        {%- endfor %}
        measure.counted
    from {{ ref('fct_household_review') }} as review
    cross join
        lateral (values ('households', 1), ('persons', review.member_count)) as measure (counted, weight)
    where review.class_code in ('poor', 'near_poor')
    group by review.period_code, review.standard_code, review.commune_code, measure.counted
),

commune as (
    select
        {{ reviewed_commune_keys() }},
        {%- for figure in figures %}
            {{ zero_without_rows('household', figure) }},
        {%- endfor %}
        row_of_place.counted
    from reviewed
    cross join (values ('households'), ('persons')) as row_of_place (counted)
    left join household
        on
            {{ of_reviewed_commune('household') }}
            and row_of_place.counted = household.counted
),

{{ official_form(figures, by=['counted']) }}

select
    {{ official_form_keys() }},
    counted,
    {{ figures | join(',\n    ') }},
    commune_count
from form
