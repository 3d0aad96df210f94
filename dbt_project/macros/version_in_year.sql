{# Condition: `version` (of a household) is the one of the given household and year. #}
{% macro version_in_year(version, household_id, year) -%}
    {{ version }}.household_id = {{ household_id }}
            and {{ year }} between {{ version }}.valid_from_year and coalesce({{ version }}.valid_to_year, 9999)
{%- endmacro %}
