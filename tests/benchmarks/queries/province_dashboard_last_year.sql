-- Superset, table: every indicator of the province in the last year, as far as it may be published
select
    definition.name_vi,
    definition.unit,
    indicator.standard_code,
    indicator.value,
    indicator.coverage_rate,
    indicator.is_publishable
from mart.fct_indicator as indicator
inner join mart.dim_indicator as definition on indicator.indicator_code = definition.indicator_code
inner join mart.dim_period as period on indicator.period_code = period.period_code
where
    indicator.admin_unit_level = 'province'
    and indicator.breakdown_code = ''
    and period.cadence = 'A'
    and period.year = (
        select max(latest.year)
        from mart.fct_indicator as filled
        inner join mart.dim_period as latest on filled.period_code = latest.period_code
        where filled.indicator_code = 'poor_household_rate' and filled.value is not null
    )
order by definition.name_vi
