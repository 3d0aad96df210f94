select
    submission_id,
    sheet_name,
    row_number,
    sender_code,
    period_code,
    period_end as period_end_on,
    extract(year from period_end)::integer as period_year,
    task_code,
    status as status_code,
    percent_complete as completion_rate,
    due_on,
    result as result_text
from {{ source('accepted', 'task_progress') }}
