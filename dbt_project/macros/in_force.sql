{# Condition: the validity of `dated` (a row with valid_from and valid_to, open where they are null) holds the day. #}
{% macro in_force(dated, day) -%}
    {{ day }} between coalesce({{ dated }}.valid_from, '-infinity') and coalesce({{ dated }}.valid_to, 'infinity')
{%- endmacro %}
