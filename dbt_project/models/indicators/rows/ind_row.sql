{% set families = indicator_families() -%}

{%- for family in families %}
    select * from {{ ref('ind_row__' ~ family) }}
    {{- '\nunion all' if not loop.last }}
{%- endfor %}
