with accepted as (
    {{ accepted_rows('credit_loan') }}
)

select
    submission_id,
    sheet_name,
    row_number,
    sender_code,
    period_code,
    period_end_on,
    extract(year from period_end_on)::integer as period_year,
    loan_id,
    credit_programme_code,
    household_code,
    borrower_national_id,
    commune_code,
    association as association_code,
    contracted_on,
    due_on,
    term_months,
    annual_rate,
    funding_source as funding_source_code,
    disbursed_in_period as disbursed_vnd,
    repaid_in_period as repaid_vnd,
    outstanding_in_term as outstanding_in_term_vnd,
    overdue as overdue_vnd,
    frozen as frozen_vnd,
    outstanding as outstanding_vnd
from accepted
