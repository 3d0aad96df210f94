-- What: a sum over all places of a period before 1 July 2025 is not the same in the units of then and of now.
-- When: a succession was counted twice or lost, or the shares of a commune don't sum to 1.
-- How to resolve: compare the communes of the figure with bridge_admin_unit_share. Communes that ended before 2025 and
-- that have no successor there are left out of both sides; their province has them.
with two_level as (
    select min(valid_from) as begins_on
    from {{ ref('dim_admin_unit') }}
    where system = 'two_level'
),

in_old_unit as (
    select
        figure.indicator_code,
        figure.period_code,
        figure.standard_code,
        figure.admin_unit_level,
        figure.breakdown_code,
        sum(figure.numerator) as numerator,
        sum(figure.denominator) as denominator
    from {{ ref('fct_indicator') }} as figure
    inner join {{ ref('dim_period') }} as period on figure.period_code = period.period_code
    inner join two_level on period.end_date < two_level.begins_on
    where
        figure.admin_unit_level = 'province'
        or (
            figure.admin_unit_level = 'commune'
            and exists (
                select 1
                from {{ ref('bridge_admin_unit_share') }} as share
                where figure.admin_unit_code = share.old_commune_code
            )
        )
    group by
        figure.indicator_code,
        figure.period_code,
        figure.standard_code,
        figure.admin_unit_level,
        figure.breakdown_code
),

in_new_unit as (
    select
        figure.indicator_code,
        figure.period_code,
        figure.standard_code,
        figure.admin_unit_level,
        figure.breakdown_code,
        sum(figure.numerator) as numerator,
        sum(figure.denominator) as denominator
    from {{ ref('fct_indicator_new_unit') }} as figure
    inner join {{ ref('dim_period') }} as period on figure.period_code = period.period_code
    inner join two_level on period.end_date < two_level.begins_on
    group by
        figure.indicator_code,
        figure.period_code,
        figure.standard_code,
        figure.admin_unit_level,
        figure.breakdown_code
)

select
    indicator_code,
    period_code,
    standard_code,
    admin_unit_level,
    breakdown_code,
    in_old_unit.numerator as old_numerator,
    in_new_unit.numerator as new_numerator,
    in_old_unit.denominator as old_denominator,
    in_new_unit.denominator as new_denominator
from in_old_unit
full join in_new_unit using (indicator_code, period_code, standard_code, admin_unit_level, breakdown_code)
where
    in_old_unit.numerator is distinct from in_new_unit.numerator
    or in_old_unit.denominator is distinct from in_new_unit.denominator
