-- Metabase, question: households of a district that asked for housing and were given none in the year after
select
    need.commune_code,
    count(*) as households
from mart.fct_household_need as need
where
    need.review_year = 2022
    and need.district_code = '220'
    and need.need_code = 'housing'
    and not exists (
        select 1
        from mart.fct_support as support
        inner join mart.dim_period as period on support.period_code = period.period_code
        where
            support.household_code = need.household_code
            and support.policy_code = 'housing'
            and support.status_code = 'delivered'
            and period.year = 2023
    )
group by need.commune_code
order by households desc
