-- Superset, bar chart: in what the poor households of a year are deprived
select
    deprivation.dimension_code,
    deprivation.name_vi,
    count(*) as poor_households
from mart.fct_household_deprivation as lacked
inner join mart.dim_deprivation as deprivation
    on
        lacked.standard_code = deprivation.standard_code
        and lacked.deprivation_code = deprivation.deprivation_code
where lacked.review_year = 2023 and lacked.class_code = 'poor' and lacked.standard_code = '2021-2025'
group by deprivation.dimension_code, deprivation.name_vi
order by poor_households desc
limit 10000
