{{ config(
    key=['sender_code', 'loan_id', 'period_code'],
    slice_by=['sender_code', 'loan_id'],
    touched_by={
        'int_credit__loan': ['sender_code', 'loan_id'],
    }
) }}

-- Opening is the closing of the quarter before or, of a loan contracted within the quarter, 0 (as rule CL-01).
with loan as (
    select
        loan.*,
        coalesce(loan.province_code, report.province_code) as reported_province_code,
        date_trunc('quarter', loan.period_end_on)::date as period_start_on,
        lag(loan.period_end_on) over statement_of_loan as previous_end_on,
        lag(loan.outstanding_vnd) over statement_of_loan as previous_outstanding_vnd,
        lead(loan.period_end_on) over statement_of_loan as next_end_on
    from {{ ref('int_credit__loan') }} as loan -- slice: sender_code, loan_id
    inner join {{ ref('int_credit__province') }} as report on loan.submission_id = report.submission_id
    window statement_of_loan as (partition by loan.sender_code, loan.loan_id order by loan.period_end_on)
),

reported as (
    select
        *,
        case
            when previous_end_on = period_start_on - 1 then previous_outstanding_vnd
            when contracted_on between period_start_on and period_end_on then 0
        end as opening_vnd
    from loan
),

-- The sender's next statement came, and a loan that was owed is not in it.
absent as (
    select
        loan.*,
        statement.period_code as absent_period_code,
        statement.period_end_on as absent_end_on,
        held.submission_id as held_submission_id,
        held.sheet_name as held_sheet_name,
        held.row_number as held_row_number
    from loan
    inner join {{ ref('stg_submission') }} as statement
        on
            loan.sender_code = statement.sender_code
            and (loan.period_start_on + interval '6 months')::date - 1 = statement.period_end_on
            and statement.dataset = 'credit_loan'
    left join {{ ref('stg_credit_loan_held') }} as held
        on
            loan.sender_code = held.sender_code
            and loan.loan_id = held.loan_id
            and statement.period_end_on = held.period_end_on
    where
        loan.outstanding_vnd <> 0
        and loan.next_end_on is distinct from statement.period_end_on
),

balance as (
    select
        loan_id,
        period_code,
        period_end_on,
        sender_code,
        credit_programme_code,
        household_code,
        commune_code,
        district_code,
        reported_province_code,
        opening_vnd,
        disbursed_vnd,
        repaid_vnd,
        outstanding_vnd as closing_vnd,
        outstanding_in_term_vnd,
        overdue_vnd,
        frozen_vnd,
        false as is_absent,
        false as is_held,
        submission_id,
        sheet_name,
        row_number
    from reported
    union all
    select
        loan_id,
        absent_period_code,
        absent_end_on,
        sender_code,
        credit_programme_code,
        household_code,
        commune_code,
        district_code,
        reported_province_code,
        outstanding_vnd as opening_vnd,
        null as disbursed_vnd,
        null as repaid_vnd,
        null as closing_vnd,
        null as outstanding_in_term_vnd,
        null as overdue_vnd,
        null as frozen_vnd,
        true as is_absent,
        held_submission_id is not null as is_held,
        coalesce(held_submission_id, submission_id) as submission_id,
        coalesce(held_sheet_name, sheet_name) as sheet_name,
        coalesce(held_row_number, row_number) as row_number
    from absent
),

expected as (
    select
        *,
        opening_vnd + disbursed_vnd - repaid_vnd as expected_closing_vnd
    from balance
)

select
    *,
    closing_vnd - expected_closing_vnd as gap_vnd,
    closing_vnd - outstanding_in_term_vnd - overdue_vnd - frozen_vnd as parts_gap_vnd,
    case
        when is_held then 'held'
        when is_absent then 'absent'
        when opening_vnd is null then 'opening_unknown'
        when closing_vnd < expected_closing_vnd then 'below_expected'
        when closing_vnd > expected_closing_vnd then 'above_expected'
        else 'balanced'
    end as balance_code
from expected
