{{ config(
    slice_by=['sender_code', 'loan_id'],
    touched_by={
        'int_credit__loan': ['sender_code', 'loan_id'],
    }
) }}

select
    loan.loan_id,
    loan.period_code,
    loan.credit_programme_code,
    loan.household_code,
    loan.household_id,
    loan.household_key,
    loan.class_code,
    loan.admin_unit_key,
    loan.commune_code,
    loan.district_code,
    coalesce(loan.province_code, report.province_code) as province_code,
    loan.association_code,
    loan.contracted_on,
    loan.due_on,
    loan.term_months,
    loan.annual_rate,
    loan.funding_source_code,
    loan.disbursed_vnd,
    loan.repaid_vnd,
    loan.outstanding_in_term_vnd,
    loan.overdue_vnd,
    loan.frozen_vnd,
    loan.outstanding_vnd,
    loan.sender_code,
    loan.submission_id,
    loan.sheet_name,
    loan.row_number
from {{ ref('int_credit__loan') }} as loan -- slice: sender_code, loan_id
inner join {{ ref('int_credit__province') }} as report on loan.submission_id = report.submission_id
