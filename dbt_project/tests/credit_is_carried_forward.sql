-- What: what is owed at the end of a quarter does not open the next one, once, though the bank's next statement came.
-- When: a loan is lost between two quarters, or stands in them twice.
-- How to resolve: find the loan in fct_credit_loan; correct int_credit__balance.
with followed as (
    select
        loan.loan_id,
        loan.sender_code,
        loan.outstanding_vnd,
        period_after.period_code
    from {{ ref('fct_credit_loan') }} as loan
    inner join {{ ref('dim_period') }} as period_after on loan.period_code = period_after.previous_period_code
    where
        loan.outstanding_vnd <> 0
        and exists (
            select 1
            from {{ ref('stg_submission') }} as statement
            where
                statement.dataset = 'credit_loan'
                and statement.sender_code = loan.sender_code
                and statement.period_code = period_after.period_code
        )
)

select
    followed.loan_id,
    followed.period_code,
    followed.outstanding_vnd,
    balance.opening_vnd
from followed
left join {{ ref('fct_credit_balance') }} as balance
    on
        followed.loan_id = balance.loan_id
        and followed.sender_code = balance.sender_code
        and followed.period_code = balance.period_code
where balance.opening_vnd is distinct from followed.outstanding_vnd
