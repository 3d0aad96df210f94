-- Metabase, line chart: the rate of poor households of each district over the years
select
    district.name as district_name,
    period.year,
    sum(indicator.numerator) as poor_households,
    sum(indicator.denominator) as households,
    round(100 * sum(indicator.numerator) / nullif(sum(indicator.denominator), 0), 2) as poor_rate
from mart.fct_indicator as indicator
left join mart.dim_period as period on indicator.period_code = period.period_code
left join mart.dim_admin_unit as district
    on
        indicator.admin_unit_code = district.code
        and indicator.admin_unit_level = district.level
        and period.end_date between district.valid_from and coalesce(district.valid_to, '9999-12-31')
where
    indicator.indicator_code = 'poor_household_rate'
    and indicator.admin_unit_level = 'district'
    and indicator.standard_code = '2021-2025'
group by district.name, period.year
order by district.name asc, period.year asc
