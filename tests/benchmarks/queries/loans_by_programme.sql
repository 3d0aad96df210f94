-- Power BI, area chart: outstanding credit by programme and quarter
select
    programme.name_vi,
    period.year,
    period.period_code,
    count(*) as loans,
    sum(loan.outstanding_vnd) as outstanding_vnd,
    sum(loan.overdue_vnd) as overdue_vnd,
    sum(loan.disbursed_vnd) as disbursed_vnd
from mart.fct_credit_loan as loan
inner join mart.dim_credit_programme as programme on loan.credit_programme_code = programme.credit_programme_code
inner join mart.dim_period as period on loan.period_code = period.period_code
group by programme.name_vi, period.year, period.period_code
order by programme.name_vi asc, period.period_code asc
