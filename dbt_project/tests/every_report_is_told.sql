-- What: a report that was sent, or one that is expected, is not in fct_report.
-- When: a join of int_report__status loses a report, or a data set has no row in the reporting calendar.
-- How to resolve: give the data set its row in the seed `reporting_calendar`; else look at the joins.
with wanted as (
    select
        sender_code,
        dataset,
        period_code,
        standard_code
    from {{ ref('stg_submission') }}
    union
    select
        sender_code,
        dataset,
        period_code,
        standard_code
    from {{ ref('int_report__calendar') }}
    where is_expected
)

select wanted.*
from wanted
left join {{ ref('fct_report') }} as report
    on
        wanted.sender_code = report.sender_code
        and wanted.dataset = report.dataset
        and wanted.period_code = report.period_code
        and wanted.standard_code = report.standard_code
where report.sender_code is null
