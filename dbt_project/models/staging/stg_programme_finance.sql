select
    submission_id,
    sheet_name,
    row_number,
    sender_code,
    period_code,
    period_end as period_end_on,
    extract(year from period_end)::integer as period_year,
    project_code,
    funding_source as funding_source_code,
    budget_kind as budget_kind_code,
    admin_unit_code,
    planned as planned_vnd,
    allocated as allocated_vnd,
    disbursed as disbursed_vnd
from {{ source('accepted', 'programme_finance') }}
