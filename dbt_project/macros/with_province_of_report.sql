{#
    Selects every row of the CTE `placed`. A row whose commune is not known still belongs to the province that most
    rows of its report name, so that the province's totals are whole: `reported_` before the name of each column.
#}
{% macro with_province_of_report(placed, province_columns=['province_code']) -%}
, report_province as (
    select
        submission_id
        {%- for column in province_columns %},
        mode() within group (order by {{ column }}) as {{ column }}
        {%- endfor %}
    from {{ placed }}
    group by submission_id
)

select
    {{ placed }}.*
    {%- for column in province_columns %},
    coalesce({{ placed }}.{{ column }}, report_province.{{ column }}) as reported_{{ column }}
    {%- endfor %}
from {{ placed }}
inner join report_province on {{ placed }}.submission_id = report_province.submission_id
{%- endmacro %}
