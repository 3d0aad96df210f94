with deprived as (
    select
        period_code,
        standard_code,
        commune_code,
        deprivation_code,
        count(*) as poor_count
    from {{ ref('int_household__reviewed') }}
    cross join unnest(deprivation_codes) as deprivation_code
    where class_code = 'poor'
    group by period_code, standard_code, commune_code, deprivation_code
)

select
    'deprivation_rate' as indicator_code,
    commune.period_code,
    commune.standard_code,
    commune.commune_code,
    commune.district_code,
    commune.province_code,
    commune.reporting_unit_code,
    deprivation.code as breakdown_code,
    '' as support_code,
    case
        when commune.is_known and commune.poor_untold_deprivations_count = 0
            then coalesce(deprived.poor_count, 0)
    end::numeric as numerator,
    commune.poor_count::numeric as denominator
from {{ ref('int_household__by_commune') }} as commune
inner join {{ ref('deprivation') }} as deprivation on commune.standard_code = deprivation.standard_code
left join deprived
    on
        commune.period_code = deprived.period_code
        and commune.standard_code = deprived.standard_code
        and commune.commune_code = deprived.commune_code
        and deprivation.code = deprived.deprivation_code
