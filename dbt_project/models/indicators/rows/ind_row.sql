{% set families = [
    'household', 'list', 'deprivation', 'member', 'commune_profile', 'credit_need', 'credit', 'support', 'finance',
    'capacity', 'reporting',
] -%}

{%- for family in families %}
    select * from {{ ref('ind_row__' ~ family) }}
    {{- '\nunion all' if not loop.last }}
{%- endfor %}
