{{ config(materialized='ephemeral') }}

{% for family in indicator_families() %}
    select *
    from {{ ref('ind_sum__' ~ family) }} -- slice: indicator_code, period_code, place_key
    {{- '\nunion all' if not loop.last }}
{%- endfor %}
