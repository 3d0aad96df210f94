with total as (
    select
        period_code,
        commune_code,
        district_code,
        reported_province_code as province_code,
        reporting_unit_code,
        coalesce(credit_programme_code, '') as breakdown_code,
        sum(disbursed_vnd) as disbursed_vnd,
        sum(outstanding_vnd) as outstanding_vnd,
        sum(overdue_vnd) as overdue_vnd
    from {{ ref('int_credit__loan') }}
    group by
        period_code,
        commune_code,
        district_code,
        reported_province_code,
        reporting_unit_code,
        grouping sets ((credit_programme_code), ())
)

select
    figure.indicator_code,
    total.period_code,
    '' as standard_code,
    total.commune_code,
    total.district_code,
    total.province_code,
    total.reporting_unit_code,
    total.breakdown_code,
    '' as support_code,
    figure.numerator,
    figure.denominator
from total
cross join lateral (
    values
    ('credit_disbursed', total.disbursed_vnd, null::numeric),
    ('credit_outstanding', total.outstanding_vnd, null),
    ('credit_overdue_rate', total.overdue_vnd, total.outstanding_vnd)
) as figure (indicator_code, numerator, denominator)
