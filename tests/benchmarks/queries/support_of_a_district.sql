-- Superset, pivot: one district's supports by commune and state of the case, in two quarters
select
    commune.name as commune_name,
    support.period_code,
    sum(case when support.status_code = 'delivered' then 1 else 0 end) as delivered,
    sum(case when support.status_code = 'approved' then 1 else 0 end) as approved,
    sum(case when support.status_code = 'refused' then 1 else 0 end) as refused,
    sum(support.amount_vnd) as amount_vnd
from mart.fct_support as support
inner join mart.dim_admin_unit as commune on support.admin_unit_key = commune.admin_unit_key
where support.district_code = '220' and support.period_code in ('2023-Q3', '2023-Q4')
group by commune.name, support.period_code
order by commune.name asc, support.period_code asc
