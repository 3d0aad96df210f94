{{ config(
    slice_by=['indicator_code', 'period_code', 'admin_unit_code'],
    touched_by={
        'ind_by_place': ['indicator_code', 'period_code', 'admin_unit_code'],
    }
) }}

with judged as (
    select
        *,
        -- Where the ethnic group, the sex or the kind of area of one household is not known, no part of the whole is.
        case
            when breakdown_kind_code in ('ethnic_group', 'head_sex', 'area_type')
                then
                    coalesce(bool_and(is_known) filter (where breakdown_kind_code = '') over whole, true)
                    and not bool_or(breakdown_code = 'unknown_' || breakdown_kind_code) over kind
            else true
        end as is_every_part_known
    from {{ ref('ind_by_place') }} -- slice: indicator_code, period_code, admin_unit_code
    window
        whole as (partition by indicator_code, period_code, standard_code, admin_unit_level, admin_unit_code),
        kind as (
            partition by
                indicator_code, period_code, standard_code, admin_unit_level, admin_unit_code, breakdown_kind_code
        )
)

select
    figure.indicator_code,
    figure.period_code,
    figure.standard_code,
    figure.admin_unit_level,
    figure.admin_unit_code,
    figure.breakdown_kind_code,
    figure.breakdown_code,
    figure.numerator,
    figure.denominator,
    {{ indicator_value('figure.numerator', 'figure.denominator', 'indicator') }} as value,
    figure.coverage_rate,
    figure.coverage_rate = 100 and figure.is_known and figure.is_every_part_known as is_publishable
from judged as figure
inner join {{ ref('dim_indicator') }} as indicator on figure.indicator_code = indicator.indicator_code
