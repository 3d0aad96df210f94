-- Power BI, matrix: causes of poverty by district of a year
select
    district.name as district_name,
    sum(case when cause.cause_code = 'no_capital' then 1 else 0 end) as no_capital,
    sum(case when cause.cause_code = 'no_land' then 1 else 0 end) as no_land,
    sum(case when cause.cause_code = 'no_labour' then 1 else 0 end) as no_labour,
    sum(case when cause.cause_code = 'no_skills' then 1 else 0 end) as no_skills,
    sum(case when cause.cause_code = 'illness_accident' then 1 else 0 end) as illness_accident,
    count(distinct cause.household_code) as households
from mart.fct_household_cause as cause
inner join mart.dim_period as period on cause.period_code = period.period_code
inner join mart.dim_admin_unit as district
    on
        cause.district_code = district.code
        and district.level = 'district'
        and period.end_date between district.valid_from and coalesce(district.valid_to, '9999-12-31')
where period.year = 2023
group by district.name
order by households desc
