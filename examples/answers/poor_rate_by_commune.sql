-- Poor households per commune in the last year reported, in percent of all resident households
select
    district.name as district,
    commune.name as commune,
    indicator.period_code as year,
    indicator.standard_code as standard,
    indicator.numerator as poor_households,
    indicator.denominator as households,
    round(indicator.value, 2) as poor_rate
from mart.fct_indicator as indicator
inner join mart.dim_period as period on indicator.period_code = period.period_code
-- a code means different places at different times: always join on code and day
inner join mart.dim_admin_unit as commune
    on
        indicator.admin_unit_code = commune.code
        and commune.level = 'commune'
        and period.end_date between commune.valid_from and coalesce(commune.valid_to, 'infinity')
left join mart.dim_admin_unit as district
    on
        commune.district_code = district.code
        and district.level = 'district'
        and period.end_date between district.valid_from and coalesce(district.valid_to, 'infinity')
where
    indicator.indicator_code = 'poor_household_rate'
    and indicator.admin_unit_level = 'commune'
    and period.year = (
        select max(p.year)
        from mart.fct_indicator as i
        inner join mart.dim_period as p on i.period_code = p.period_code
        where i.indicator_code = 'poor_household_rate' and i.value is not null
    )
order by district.name, commune.name, indicator.standard_code
