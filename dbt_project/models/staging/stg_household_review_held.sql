select
    submission.sender_code,
    submission.period_code,
    submission.period_end as period_end_on,
    submission.standard_code,
    report.submission_id,
    report.sheet_name,
    report.row_number,
    report.household_code,
    report.commune_code
from {{ source('raw', 'household_review') }} as report
inner join {{ source('ops', 'submission') }} as submission
    on
        report.submission_id = submission.submission_id
        and submission.status_code in ('accepted', 'accepted_with_findings')
inner join {{ source('ops', 'held_row') }} as held
    on
        report.submission_id = held.submission_id
        and report.sheet_name = held.sheet_name
        and report.row_number = held.row_number
