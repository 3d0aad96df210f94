-- Tableau, list: cases approved that no later quarter delivered, with the days since the decision
select
    support.sender_code,
    support.support_id,
    support.policy_code,
    support.household_code,
    support.decided_on,
    period.end_date - support.decided_on as days
from mart.fct_support as support
inner join mart.dim_period as period on support.period_code = period.period_code
left join mart.fct_support as later
    on
        support.sender_code = later.sender_code
        and support.support_id = later.support_id
        and support.period_code < later.period_code
        and later.status_code = 'delivered'
where support.status_code = 'approved' and period.year = 2023 and later.support_id is null
order by days desc, support.support_id asc
limit 100
