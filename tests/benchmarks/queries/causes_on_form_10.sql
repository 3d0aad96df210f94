-- Superset, table: the official form of the causes of poverty of a year, province, districts and communes
select
    tt,
    admin_unit_name,
    no_land_household_count,
    no_capital_household_count,
    no_labour_household_count,
    no_skills_household_count,
    illness_accident_household_count,
    untold_household_count
from mart.rpt_form_10
where period_code = '2023' and standard_code = '2021-2025' and class_group_code = 'poor'
order by row_order asc
