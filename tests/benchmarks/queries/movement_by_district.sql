-- Power BI, waterfall: how the poor households of each district came and went in a year
select
    district.name as district_name,
    sum(movement.poor_start) as poor_start,
    sum(movement.poor_to_near_poor) as poor_to_near_poor,
    sum(movement.poor_to_above) as poor_to_above,
    sum(movement.poor_from_near_poor) as poor_from_near_poor,
    sum(movement.poor_relapsed) as poor_relapsed,
    sum(movement.poor_new) as poor_new,
    sum(movement.poor_end) as poor_end,
    sum(movement.unexplained_count) as unexplained
from mart.fct_poverty_movement as movement
inner join mart.dim_admin_unit as commune on movement.admin_unit_key = commune.admin_unit_key
inner join mart.dim_admin_unit as district
    on
        commune.district_code = district.code
        and district.level = 'district'
        and '2023-12-31' between district.valid_from and coalesce(district.valid_to, '9999-12-31')
where movement.review_year = 2023 and movement.counted = 'households' and movement.standard_code = '2021-2025'
group by district.name
order by district.name
