{#- A child is under 16 at the end of the year. Insurance is asked of those of 6 or more, schooling of those of 3. -#}
{%- set conditions = {
    'child_count': 'member.age < 16',
    'health_deprived_child_count': 'member.age between 6 and 15 and not member.has_health_insurance',
    'education_deprived_child_count': 'member.age between 3 and 15 and not member.is_studying',
} -%}
{%- set figures = [] -%}
{%- for class_code in ['poor', 'near_poor'] -%}
    {%- for name in conditions -%}{%- do figures.append(class_code ~ '_' ~ name) -%}{%- endfor -%}
{%- endfor -%}

with {{ reviewed_communes(ref('fct_review_result')) }},

child as (
    select
        review.period_code,
        review.standard_code,
        {%- for class_code in ['poor', 'near_poor'] %}
            {%- for name, condition in conditions.items() %}
                {{ sum_if_all_known('(' ~ condition ~ ')::integer', "review.class_code = '" ~ class_code ~ "'") }}
                    as {{ class_code }}_{{ name }},
            {%- endfor %}
        {%- endfor %}
        review.commune_code
    from {{ ref('fct_household_review') }} as review
    -- a household of which no member is listed makes its commune unknown
    left join {{ ref('fct_household_member') }} as member
        on
            review.household_code = member.household_code
            and review.review_year = member.review_year
            and review.period_code = member.period_code
    where review.class_code in ('poor', 'near_poor')
    group by review.period_code, review.standard_code, review.commune_code
),

commune as (
    select
        {%- for figure in figures %}
            {{ zero_without_rows('child', figure) }},
        {%- endfor %}
        {{ reviewed_commune_keys() }}
    from reviewed
    left join child on {{ of_reviewed_commune('child') }}
),

{{ official_form(figures) }}

select
    {{ official_form_keys() }},
    {{ figures | join(',\n    ') }},
    commune_count
from form
