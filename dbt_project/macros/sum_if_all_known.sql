{# The sum over the rows that meet a condition: 0 over none, null if the value of one of them is not known. #}
{% macro sum_if_all_known(value, condition) -%}
    case
        when count(*) filter (where {{ condition }}) = count({{ value }}) filter (where {{ condition }})
            then coalesce(sum({{ value }}) filter (where {{ condition }}), 0)
    end
{%- endmacro %}
