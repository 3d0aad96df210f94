-- Metabase, top N with share: the policies that moved most money in the last quarter
select
    policy.name_vi,
    sum(support.amount_vnd) as amount_vnd,
    round(100 * sum(support.amount_vnd) / sum(sum(support.amount_vnd)) over (), 1) as share
from mart.fct_support as support
inner join mart.dim_policy as policy on support.policy_code = policy.policy_code
where support.period_code = (select max(latest.period_code) from mart.fct_support as latest)
group by policy.name_vi
order by amount_vnd desc nulls last
limit 10
