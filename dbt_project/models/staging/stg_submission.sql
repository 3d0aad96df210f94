select
    submission_id,
    sender_code,
    dataset,
    period_code,
    period_end as period_end_on,
    extract(year from period_end)::integer as period_year,
    standard_code,
    revision,
    file_name,
    sheet_name,
    sha256,
    received_at,
    judged_at,
    status_code,
    row_count,
    held_row_count
from {{ source('ops', 'submission') }}
where status_code in ('accepted', 'accepted_with_findings')
