-- Power BI, year to date: money delivered by quarter, and since the year began
with of_quarter as (
    select
        period.year,
        period.period_code,
        sum(support.amount_vnd) as amount_vnd
    from mart.fct_support as support
    inner join mart.dim_period as period on support.period_code = period.period_code
    where support.status_code = 'delivered'
    group by period.year, period.period_code
)

select
    year,
    period_code,
    amount_vnd,
    sum(amount_vnd) over (partition by year order by period_code) as year_to_date_vnd
from of_quarter
order by period_code
