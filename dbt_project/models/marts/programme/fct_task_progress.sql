select
    progress.task_code,
    progress.period_code,
    progress.sender_code,
    task.programme_code,
    progress.status_code,
    progress.completion_rate,
    progress.due_on,
    progress.result_text,
    progress.submission_id,
    progress.sheet_name,
    progress.row_number
from {{ ref('stg_task_progress') }} as progress
inner join {{ ref('dim_task') }} as task on progress.task_code = task.task_code
