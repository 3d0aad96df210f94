-- Tableau, heat map: deprivations of a year's poor households by district, each as a share of the district's
with of_district as (
    select
        district_code,
        count(*) as households
    from mart.fct_household_review
    where review_year = 2024 and standard_code = '2021-2025' and class_code = 'poor'
    group by district_code
)

select
    district.name as district_name,
    lacked.deprivation_code,
    count(distinct lacked.household_code) as households,
    count(distinct lacked.household_code)::numeric
    / nullif(max(of_district.households), 0) as share_of_poor_households
from mart.fct_household_deprivation as lacked
inner join of_district on lacked.district_code = of_district.district_code
inner join mart.dim_admin_unit as district
    on
        lacked.district_code = district.code
        and district.level = 'district'
        and '2024-12-31' between district.valid_from and coalesce(district.valid_to, '9999-12-31')
where lacked.review_year = 2024 and lacked.standard_code = '2021-2025' and lacked.class_code = 'poor'
group by district.name, lacked.deprivation_code
order by district.name, lacked.deprivation_code
