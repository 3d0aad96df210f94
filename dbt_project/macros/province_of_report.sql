{#
    The province of each report: the one that most of its rows name. A row whose commune is not known still belongs to it,
    so that the province's totals are whole. `placed` are the rows with their places.
#}
{% macro province_of_report(placed, province_columns=['province_code']) -%}
    select
        submission_id
        {%- for column in province_columns %},
        mode() within group (order by {{ column }}) as {{ column }}
        {%- endfor %}
    from {{ placed }}
    group by submission_id
{%- endmacro %}
