-- Metabase, summary: households and money by group of policies in a year, each household once
select
    policy.policy_group_code,
    count(distinct support.household_code) as households,
    count(*) as cases,
    sum(support.amount_vnd) as amount_vnd
from mart.fct_support as support
inner join mart.dim_policy as policy on support.policy_code = policy.policy_code
inner join mart.dim_period as period on support.period_code = period.period_code
where period.year = 2023 and support.status_code = 'delivered'
group by policy.policy_group_code
order by amount_vnd desc nulls last
