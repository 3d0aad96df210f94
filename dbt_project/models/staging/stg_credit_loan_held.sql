select
    submission.sender_code,
    submission.period_code,
    submission.period_end as period_end_on,
    report.submission_id,
    report.sheet_name,
    report.row_number,
    report.loan_id
from {{ source('raw', 'credit_loan') }} as report
inner join {{ source('ops', 'submission') }} as submission
    on
        report.submission_id = submission.submission_id
        and submission.status_code in ('accepted', 'accepted_with_findings')
inner join {{ source('ops', 'held_row') }} as held
    on
        report.submission_id = held.submission_id
        and report.sheet_name = held.sheet_name
        and report.row_number = held.row_number
