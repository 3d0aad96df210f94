{# Condition: `version` (of a household) is the one of the given household and year. #}
{% macro version_in_year(version, household_code, year) -%}
    {{ version }}.household_code = {{ household_code }}
            and {{ year }} between {{ version }}.valid_from_year and coalesce({{ version }}.valid_to_year, 9999)
{%- endmacro %}
