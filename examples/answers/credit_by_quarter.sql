-- Credit disbursed per quarter, in dong
select
    loan.period_code as quarter,
    count(*) as loans,
    sum(loan.disbursed_vnd) as disbursed_vnd,
    sum(loan.outstanding_vnd) as outstanding_vnd
from mart.fct_credit_loan as loan
group by loan.period_code
order by loan.period_code
