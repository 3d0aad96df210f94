{{ config(
    key=['indicator_code', 'period_code', 'standard_code', 'admin_unit_level', 'admin_unit_code', 'breakdown_kind_code', 'breakdown_code'],
    slice_by=['indicator_code', 'period_code', 'standard_code'],
    touched_by={
        'ind_by_commune': ['indicator_code', 'period_code', 'standard_code'],
        'ind_coverage': ['indicator_code', 'period_code', 'standard_code'],
    }
) }}

-- Where a needed report is missing altogether there is no figure, neither here nor in what is summed from it.
with figure as (
    select by_commune.*
    from {{ ref('ind_by_commune') }} as by_commune -- slice: indicator_code, period_code, standard_code
    left join {{ ref('ind_coverage') }} as coverage
        on
            by_commune.indicator_code = coverage.indicator_code
            and by_commune.period_code = coverage.period_code
            and by_commune.standard_code = coverage.standard_code
            and by_commune.support_code = coverage.support_code
            and coverage.scope_level = 'unit'
            and by_commune.reporting_unit_code = coverage.scope_code
    where coalesce(coverage.rests_on_every_dataset, true)
),

summed as (
    select
        indicator_code,
        period_code,
        standard_code,
        support_code,
        breakdown_kind_code,
        breakdown_code,
        case
            when grouping(commune_code) = 0 then 'commune'
            when grouping(district_code) = 0 then 'district'
            else 'province'
        end as admin_unit_level,
        case
            when grouping(commune_code) = 0 then commune_code
            when grouping(district_code) = 0 then district_code
            else province_code
        end as admin_unit_code,
        case when grouping(reporting_unit_code) = 0 then 'unit' else 'province' end as scope_level,
        case when grouping(reporting_unit_code) = 0 then reporting_unit_code else province_code end as scope_code,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        count(*) = count(numerator) and bool_and(is_final) as is_known
    from figure
    group by
        indicator_code,
        period_code,
        standard_code,
        support_code,
        breakdown_kind_code,
        breakdown_code,
        grouping sets ((commune_code, reporting_unit_code), (district_code, reporting_unit_code), (province_code))
)

select
    summed.indicator_code,
    summed.period_code,
    summed.standard_code,
    summed.admin_unit_level,
    summed.admin_unit_code,
    summed.breakdown_kind_code,
    summed.breakdown_code,
    summed.numerator,
    summed.denominator,
    summed.is_known,
    coverage.coverage_rate
from summed
inner join {{ ref('ind_coverage') }} as coverage
    on
        summed.indicator_code = coverage.indicator_code
        and summed.period_code = coverage.period_code
        and summed.standard_code = coverage.standard_code
        and summed.support_code = coverage.support_code
        and summed.scope_level = coverage.scope_level
        and summed.scope_code = coverage.scope_code
where summed.admin_unit_code is not null
