-- Superset, drill to detail: the cases behind a commune's coverage of a policy group, with file and row
select
    source.record_id,
    source.household_code,
    source.numerator,
    source.denominator,
    source.file_name,
    source.row_address
from mart.rpt_indicator_source as source
where
    source.indicator_code = 'entitlement_coverage'
    and source.period_code = '2023'
    and source.standard_code = ''
    and source.admin_unit_level = 'commune'
    and source.admin_unit_code = '07615'
    and source.breakdown_kind_code = 'policy_group'
    and source.breakdown_code = 'livelihood_model'
order by source.submission_id asc, source.row_number asc
limit 1000
