-- Amounts are cumulative since 1 January: those of the year are those of its last quarter.
with line as (
    select
        *,
        period_code as figure_period_code
    from {{ ref('int_finance__line') }}
    union all
    select
        *,
        period_year::text as figure_period_code
    from {{ ref('int_finance__line') }}
    where extract(quarter from period_end_on) = 4
)

select
    'fund_disbursement_rate' as indicator_code,
    figure_period_code as period_code,
    '' as standard_code,
    commune_code,
    district_code,
    reported_province_code as province_code,
    reporting_unit_code,
    coalesce(project_code, '') as breakdown_code,
    coalesce(project_code, '') as support_code,
    sum(disbursed_vnd) as numerator,
    sum(planned_vnd) as denominator
from line
group by
    figure_period_code,
    commune_code,
    district_code,
    reported_province_code,
    reporting_unit_code,
    grouping sets ((project_code), ())
