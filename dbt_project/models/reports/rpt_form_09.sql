{#- The groups named in the form and, before the rest, further ones of the provinces served. -#}
{%- set groups = {
    'ede': '12', 'ma': '28', 'muong': '06', 'thai': '03', 'mnong': '20', 'tay': '02', 'nung': '07', 'mong': '08',
    'dao': '09', 'hoa': '04', 'san_chay': '15', 'san_diu': '18', 'lo_lo': '43',
} -%}
{%- set figures = [] -%}
{%- for class_code in ['poor', 'near_poor'] -%}
    {%- for name in ['', 'kinh_', 'ethnic_minority_'] -%}
        {%- do figures.append(name ~ class_code ~ '_household_count') -%}
    {%- endfor -%}
    {%- for name in groups -%}{%- do figures.append(name ~ '_' ~ class_code ~ '_household_count') -%}{%- endfor -%}
    {%- do figures.append('other_' ~ class_code ~ '_household_count') -%}
{%- endfor -%}

with {{ reviewed_communes(ref('fct_review_result')) }},

by_group as (
    select
        period_code,
        standard_code,
        commune_code,
        class_code,
        ethnic_group_code,
        is_ethnic_minority,
        count(*) as household_count
    from {{ ref('fct_household_review') }}
    where class_code in ('poor', 'near_poor')
    group by period_code, standard_code, commune_code, class_code, ethnic_group_code, is_ethnic_minority
),

household as (
    select
        period_code,
        standard_code,
        commune_code,
    {%- for class_code in ['poor', 'near_poor'] %}
        {%- set of_class = "class_code = '" ~ class_code ~ "'" %}
        bool_and(ethnic_group_code is not null) filter (where {{ of_class }}) is not false
            as is_{{ class_code }}_group_known,
        sum(household_count) filter (where {{ of_class }} and not is_ethnic_minority)
            as kinh_{{ class_code }}_household_count,
        sum(household_count) filter (where {{ of_class }} and is_ethnic_minority)
            as ethnic_minority_{{ class_code }}_household_count,
        {%- for name, code in groups.items() %}
            sum(household_count) filter (where {{ of_class }} and ethnic_group_code = '{{ code }}')
                as {{ name }}_{{ class_code }}_household_count,
        {%- endfor %}
        sum(household_count) filter (
            where
            {{ of_class }}
            and is_ethnic_minority
            and ethnic_group_code <> all(string_to_array('{{ groups.values() | join(' ') }}', ' '))
        ) as other_{{ class_code }}_household_count
        {{- ',' if not loop.last }}
    {%- endfor %}
    from by_group
    group by period_code, standard_code, commune_code
),

commune as (
    select
        {{ reviewed_commune_keys() }},
        {%- for class_code in ['poor', 'near_poor'] %}
            {%- for name in ['kinh', 'ethnic_minority'] + groups.keys() | list + ['other'] %}
                case
                    when household.is_{{ class_code }}_group_known is not false
                        then coalesce(household.{{ name }}_{{ class_code }}_household_count, 0)
                end as {{ name }}_{{ class_code }}_household_count,
            {%- endfor %}
        {%- endfor %}
        reviewed.poor_household_count,
        reviewed.near_poor_household_count
    from reviewed
    left join household on {{ of_reviewed_commune('household') }}
),

{{ official_form(figures) }}

select
    {{ official_form_keys() }},
    {{ figures | join(',\n    ') }},
    commune_count
from form
