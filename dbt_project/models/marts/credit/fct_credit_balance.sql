{{ config(
    slice_by=['sender_code', 'loan_id'],
    touched_by={
        'int_credit__balance': ['sender_code', 'loan_id'],
    }
) }}

select
    loan_id,
    period_code,
    credit_programme_code,
    household_code,
    commune_code,
    district_code,
    reported_province_code as province_code,
    opening_vnd,
    disbursed_vnd,
    repaid_vnd,
    expected_closing_vnd,
    closing_vnd,
    gap_vnd,
    outstanding_in_term_vnd,
    overdue_vnd,
    frozen_vnd,
    parts_gap_vnd,
    balance_code,
    sender_code,
    submission_id,
    sheet_name,
    row_number
from {{ ref('int_credit__balance') }} -- slice: sender_code, loan_id
