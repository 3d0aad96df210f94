{{ config(key=['target_code', 'period_year']) }}

-- The years of the plan and those that it is measured from: the baseline year and the end of the year before the plan.
select
    target.*,
    measured.period_year,
    measured.period_year::text as period_code,
    make_date(measured.period_year, 12, 31) as period_end_on,
    measured.period_year >= target.start_year as is_of_plan,
    -- a commune that leaves the list does not move the figure of a group that is measured from a baseline
    coalesce(target.baseline_year, measured.period_year) as membership_year,
    -- the province of the plan has ended; what bears its code since then may be another one
    coalesce(province.valid_until < make_date(measured.period_year, 12, 31), false) as is_redrawn,
    province.valid_to as province_ended_on
from {{ ref('int_target__declared') }} as target
left join {{ ref('int_place__dated_unit') }} as province
    on
        target.province_code = province.code
        and province.level = 'province'
        and make_date(target.start_year, 12, 31) between province.valid_from and province.valid_until
cross join
    lateral generate_series(least(target.start_year - 1, target.baseline_year), target.due_year) as measured (
        period_year
    )
