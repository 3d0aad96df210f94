{# Forms 2 and 3: the nine columns of movement of a class. #}
{% macro movement_form(class_code, movement) -%}
{%- set figures = [] -%}
{%- for column in movement_columns()[class_code] -%}{%- do figures.append(class_code ~ '_' ~ column) -%}{%- endfor -%}
with commune as (
    select
        period_code,
        standard_code,
        counted,
        province_code,
        district_code,
        commune_code,
        {{ figures | join(',\n        ') }}
    from {{ movement }}
    where {{ class_code }}_end is not null
),

{{ official_form(figures, by=['counted']) }}

select
    {{ official_form_keys() }},
    counted,
    {{ figures | join(',\n    ') }},
    commune_count
from form
{%- endmacro %}
