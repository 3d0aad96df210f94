{{ config(
    slice_by=['loan_id'],
    touched_by={
        'int_credit__loan': ['loan_id'],
        'stg_credit_loan': none,
    }
) }}

select
    loan.loan_id,
    loan.period_code,
    {{ keyed_hash('listed.borrower_national_id') }} as person_key,
    listed.borrower_name,
    listed.borrower_national_id,
    loan.household_code,
    loan.commune_code,
    loan.district_code,
    loan.submission_id,
    loan.sheet_name,
    loan.row_number
from {{ ref('int_credit__loan') }} as loan -- slice: loan_id
inner join {{ ref('stg_credit_loan') }} as listed
    on
        loan.submission_id = listed.submission_id
        and loan.sheet_name = listed.sheet_name
        and loan.row_number = listed.row_number
