{{ config(key=['target_code']) }}

-- A target may name one part of an indicator: `entitlement_coverage:health`.
select
    target.target_code,
    target.programme_code,
    programme.province_code,
    programme.poverty_standard as standard_code,
    target.clause as legal_source,
    target.text_vi as name_vi,
    split_part(target.indicator_code, ':', 1) as indicator_code,
    split_part(target.indicator_code, ':', 2) as breakdown_code,
    target.scope as scope_code,
    target.comparator as comparator_code,
    target.value_low as target_low,
    target.value_high as target_high,
    target.unit,
    target.measure as measure_code,
    target.baseline_year,
    programme.start_year,
    target.due_year
from {{ ref('programme_target') }} as target
inner join {{ ref('programme') }} as programme on target.programme_code = programme.code
