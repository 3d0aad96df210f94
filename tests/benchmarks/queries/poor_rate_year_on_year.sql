-- Power BI, measure of the year before: communes against their last year, by a self join
select
    this_year.admin_unit_code,
    unit.name as commune_name,
    this_year.period_code,
    this_year.value as poor_rate,
    last_year.value as poor_rate_last_year,
    this_year.value - last_year.value as change
from mart.fct_indicator as this_year
inner join mart.dim_period as period on this_year.period_code = period.period_code
inner join mart.fct_indicator as last_year
    on
        this_year.indicator_code = last_year.indicator_code
        and this_year.standard_code = last_year.standard_code
        and this_year.admin_unit_level = last_year.admin_unit_level
        and this_year.admin_unit_code = last_year.admin_unit_code
        and this_year.breakdown_code = last_year.breakdown_code
        and period.previous_period_code = last_year.period_code
inner join mart.dim_admin_unit as unit
    on
        this_year.admin_unit_code = unit.code
        and unit.level = 'commune'
        and period.end_date between unit.valid_from and coalesce(unit.valid_to, '9999-12-31')
where
    this_year.indicator_code = 'poor_household_rate'
    and this_year.admin_unit_level = 'commune'
    and this_year.period_code = '2023'
order by change desc nulls last
