select
    submission_id,
    sender_code,
    dataset,
    period_code,
    period_end as period_end_on,
    extract(year from period_end)::integer as period_year,
    standard_code
from {{ source('ops', 'submission') }}
where status_code in ('accepted', 'accepted_with_findings')
