select
    submission_id,
    sender_code,
    dataset,
    period_code,
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
from {{ ref('stg_submission') }}
