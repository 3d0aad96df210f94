-- What came from nobody known, or for a period outside of the calendar, is no report of anybody: see ops.submission.
select
    report.sender_code,
    report.dataset,
    report.period_code,
    report.standard_code,
    report.is_expected,
    report.unit_level as admin_unit_level,
    report.unit_code as admin_unit_code,
    report.province_code,
    report.due_on,
    report.status_code,
    report.received_at,
    report.accepted_at,
    report.revision_count::integer as revision_count,
    report.rows_sent,
    report.rows_held,
    report.finding_count::integer as finding_count,
    report.is_on_time,
    report.days_late,
    report.submission_id
from {{ ref('int_report__status') }} as report
inner join {{ ref('dim_sender') }} as sender on report.sender_code = sender.sender_code
inner join {{ ref('dim_period') }} as period on report.period_code = period.period_code
