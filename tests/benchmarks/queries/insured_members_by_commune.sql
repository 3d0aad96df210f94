-- Superset, map: health insurance of the members of a district's households of a year
select
    commune.name as commune_name,
    count(*) as members,
    sum(member.has_health_insurance::integer) as insured,
    round(100.0 * sum(member.has_health_insurance::integer) / count(member.has_health_insurance), 1) as insured_rate,
    count(distinct member.household_code) as households
from mart.fct_household_member as member
inner join mart.dim_admin_unit as commune on member.admin_unit_key = commune.admin_unit_key
where member.review_year = 2023 and member.district_code = '220'
group by commune.name
order by insured_rate asc nulls last
