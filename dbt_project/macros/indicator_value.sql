{# The value of a figure, from its sums: a count or amount as it is, a share as a rate of 0-100, null over nothing. #}
{% macro indicator_value(numerator, denominator, indicator) -%}
    case
        when {{ indicator }}.denominator_text is null then {{ numerator }}
        when {{ indicator }}.unit = 'percent' then trim_scale(100 * {{ numerator }} / nullif({{ denominator }}, 0))
        else trim_scale({{ numerator }} / nullif({{ denominator }}, 0))
    end
{%- endmacro %}
