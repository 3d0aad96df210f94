-- Superset, map: overdue credit per district at the end of the last quarter
select
    district.code,
    district.name,
    sum(loan.outstanding_vnd) as outstanding_vnd,
    100 * sum(loan.overdue_vnd) / nullif(sum(loan.outstanding_vnd), 0) as overdue_rate,
    count(distinct loan.household_code) as borrowers
from mart.fct_credit_loan as loan
inner join mart.dim_period as period on loan.period_code = period.period_code
inner join mart.dim_admin_unit as district
    on
        loan.district_code = district.code
        and district.level = 'district'
        and period.end_date between district.valid_from and coalesce(district.valid_to, '9999-12-31')
where loan.period_code in (select max(latest.period_code) from mart.fct_credit_loan as latest)
group by district.code, district.name
order by overdue_rate desc nulls last
