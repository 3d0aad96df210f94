{#
    Selects every row of the CTE `placed`. A row whose commune is not known still belongs to the province that most
    rows of its report name, so that the province's totals are whole.
#}
{% macro with_province_of_report(placed) -%}
, report_province as (
    select
        submission_id,
        mode() within group (order by province_code) as province_code
    from {{ placed }}
    group by submission_id
)

select
    {{ placed }}.*,
    coalesce({{ placed }}.province_code, report_province.province_code) as reported_province_code
from {{ placed }}
inner join report_province on {{ placed }}.submission_id = report_province.submission_id
{%- endmacro %}
