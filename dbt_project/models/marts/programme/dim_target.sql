-- A target may name one part of an indicator: `entitlement_coverage:health`.
select
    programme_code,
    target_code,
    clause as legal_source,
    text_vi as name_vi,
    split_part(indicator_code, ':', 1) as indicator_code,
    split_part(indicator_code, ':', 2) as breakdown_code,
    scope as scope_code,
    comparator as comparator_code,
    value_low as target_low,
    value_high as target_high,
    unit,
    measure as measure_code,
    baseline_year,
    due_year
from {{ ref('programme_target') }}
