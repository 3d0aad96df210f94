{%- set causes = [
    'no_land', 'no_capital', 'no_labour', 'no_tools', 'no_knowledge', 'no_skills', 'illness_accident', 'other',
] -%}
{%- set figures = [] -%}
{%- for cause in causes + ['untold'] -%}{%- do figures.append(cause ~ '_household_count') -%}{%- endfor -%}

with {{ reviewed_communes(ref('fct_review_result')) }},

by_class as (
    select
        period_code,
        standard_code,
        commune_code,
        class_code,
        {%- for cause in causes %}
            count(*) filter (where cause_code = '{{ cause }}') as {{ cause }}_household_count,
        {%- endfor %}
        count(distinct household_code) as told_household_count
    from {{ ref('fct_household_cause') }}
    where class_code in ('poor', 'near_poor')
    group by period_code, standard_code, commune_code, class_code
),

by_cause as (
    select
        by_class.period_code,
        by_class.standard_code,
        by_class.commune_code,
        class_group.code as class_group_code,
        {%- for cause in causes %}
            sum(by_class.{{ cause }}_household_count) as {{ cause }}_household_count,
        {%- endfor %}
        sum(by_class.told_household_count) as told_household_count
    from by_class
    cross join
        lateral (values (by_class.class_code), ('poor_or_near_poor')) as class_group (code)
    group by by_class.period_code, by_class.standard_code, by_class.commune_code, class_group.code
),

commune as (
    select
        {{ reviewed_commune_keys() }},
        class_group.code as class_group_code,
        {%- for cause in causes %}
            coalesce(by_cause.{{ cause }}_household_count, 0) as {{ cause }}_household_count,
        {%- endfor %}
        class_group.household_count - coalesce(by_cause.told_household_count, 0) as untold_household_count
    from reviewed
    cross join
        lateral (
            values
            ('poor_or_near_poor', reviewed.poor_household_count + reviewed.near_poor_household_count),
            ('poor', reviewed.poor_household_count),
            ('near_poor', reviewed.near_poor_household_count)
        ) as class_group (code, household_count)
    left join by_cause
        on
            {{ of_reviewed_commune('by_cause') }}
            and class_group.code = by_cause.class_group_code
),

{{ official_form(figures, by=['class_group_code']) }}

select
    {{ official_form_keys() }},
    class_group_code,
    {{ figures | join(',\n    ') }},
    commune_count
from form
