-- Behind one figure: poor households of the commune with most of them in the last year, with file, sheet and row
with figure as (
    select *
    from mart.fct_indicator
    where
        indicator_code = 'poor_household_count'
        and admin_unit_level = 'commune'
        and breakdown_code = ''
        and numerator is not null
    order by period_code desc, numerator desc, admin_unit_code
    limit 1
)

select
    source.period_code as year,
    source.admin_unit_code as commune,
    source.household_code as household,
    source.file_name as file,
    source.row_address as row
from mart.rpt_indicator_source as source
-- a figure's whole key, as values: so only what is asked for is read
where
    source.indicator_code = 'poor_household_count'
    and source.period_code = (select figure.period_code from figure)
    and source.standard_code = (select figure.standard_code from figure)
    and source.admin_unit_level = 'commune'
    and source.admin_unit_code = (select figure.admin_unit_code from figure)
    and source.breakdown_code = ''
    and source.household_code is not null
order by source.household_code
limit 5
