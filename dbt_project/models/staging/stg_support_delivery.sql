select
    submission_id,
    sheet_name,
    row_number,
    sender_code,
    period_code,
    period_end as period_end_on,
    extract(year from period_end)::integer as period_year,
    support_id,
    policy_code,
    household_code,
    person_no,
    status as status_code,
    decided_on,
    delivered_on,
    quantity,
    amount as amount_vnd,
    funding_source as funding_source_code
from {{ source('accepted', 'support_delivery') }}
