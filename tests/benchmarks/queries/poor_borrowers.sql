-- Metabase, join of two facts: loans of a year's poor households by cause of their poverty
select
    cause_name.name_vi,
    count(distinct loan.household_code) as borrowing_households,
    sum(loan.outstanding_vnd) as outstanding_vnd
from mart.fct_household_review as review
inner join mart.fct_credit_loan as loan
    on
        review.household_code = loan.household_code
        and loan.period_code = '2023-Q4'
inner join mart.fct_household_cause as cause
    on
        review.household_code = cause.household_code
        and review.review_year = cause.review_year
        and review.standard_code = cause.standard_code
inner join mart.dim_poverty_cause as cause_name on cause.cause_code = cause_name.cause_code
where review.review_year = 2023 and review.class_code = 'poor'
group by cause_name.name_vi
order by borrowing_households desc
