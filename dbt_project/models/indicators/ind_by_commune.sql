{{ config(
    key=['indicator_code', 'period_code', 'standard_code', 'breakdown_kind_code', 'breakdown_code', 'place_key'],
    slice_by=['indicator_code', 'period_code', 'place_key'],
    touched_by={
        'ind_sum__household': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__list': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__deprivation': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__member': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__commune_profile': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__credit_need': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__credit': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__support': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__entitlement': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__finance': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__capacity': ['indicator_code', 'period_code', 'place_key'],
        'ind_sum__reporting': ['indicator_code', 'period_code', 'place_key'],
    }
) }}

with summed as (
    select
        indicator_code,
        period_code,
        standard_code,
        breakdown_kind_code,
        breakdown_code,
        commune_code,
        district_code,
        province_code,
        place_key,
        bool_and(is_final) as is_final,
        -- one part that is not known leaves the sum unknown
        case when sum(row_count) = sum(numerator_count) then sum(numerator) end as numerator,
        case when sum(row_count) = sum(denominator_count) then sum(denominator) end as denominator
    from {{ ref('ind_sum') }}
    group by
        indicator_code,
        period_code,
        standard_code,
        breakdown_kind_code,
        breakdown_code,
        commune_code,
        district_code,
        province_code,
        place_key
)

select
    summed.indicator_code,
    summed.period_code,
    left(summed.period_code, 4)::integer as period_year,
    summed.standard_code,
    summed.breakdown_kind_code,
    summed.breakdown_code,
    case
        when summed.breakdown_kind_code in ('policy', 'policy_group', 'project') then summed.breakdown_code
        else coalesce(indicator.support_code, '')
    end as support_code,
    summed.commune_code,
    summed.district_code,
    summed.province_code,
    summed.place_key,
    coalesce(summed.district_code, summed.commune_code) as reporting_unit_code,
    summed.is_final,
    -- a figure that lacks what it is measured against is not known
    case when indicator.denominator is null or summed.denominator is not null then summed.numerator end as numerator,
    case when indicator.denominator is not null and summed.numerator is not null then summed.denominator end
        as denominator
from summed
inner join {{ ref('indicator') }} as indicator on summed.indicator_code = indicator.code
