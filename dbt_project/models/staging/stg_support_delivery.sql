with accepted as (
    {{ accepted_rows('support_delivery') }}
)

select
    submission_id,
    sheet_name,
    row_number,
    sender_code,
    period_code,
    period_end_on,
    extract(year from period_end_on)::integer as period_year,
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
from accepted
