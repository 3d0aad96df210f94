-- Superset, table: the targets of the plans beside the province's figures
select
    programme.name_vi as programme,
    target.target_code,
    target.name_vi as target,
    target.comparator_code,
    target.target_low,
    target.target_high,
    target.due_year,
    indicator.period_code,
    indicator.value
from mart.dim_target as target
inner join mart.dim_programme as programme on target.programme_code = programme.programme_code
left join mart.fct_indicator as indicator
    on
        target.indicator_code = indicator.indicator_code
        and indicator.admin_unit_level = 'province'
        and indicator.period_code = '2023'
order by programme.name_vi asc, target.target_code asc
