with target_year as (
    select *
    from {{ ref('int_target__year') }}
),

-- Agencies name the communes where something happened: one that they do not name has nothing, if their reports are in.
indicator as (
    select
        dim_indicator.indicator_code,
        dim_indicator.unit,
        dim_indicator.denominator_text,
        coalesce(bool_and(calendar.sender_rule <> 'unit'), false) as is_of_agencies
    from {{ ref('dim_indicator') }} as dim_indicator
    cross join string_to_table(dim_indicator.source_datasets, ';') as listed (dataset)
    left join {{ ref('reporting_calendar') }} as calendar on trim(listed.dataset) = calendar.dataset
    group by dim_indicator.indicator_code, dim_indicator.unit, dim_indicator.denominator_text
),

-- Poverty figures are read under the standard of the plan and no other.
figure as (
    select
        target_year.target_code,
        target_year.period_code,
        target_year.scope_code = 'province' and not target_year.is_redrawn as is_whole_province,
        figure.admin_unit_level,
        figure.admin_unit_code,
        figure.numerator,
        figure.denominator,
        figure.coverage_rate,
        figure.is_publishable
    from target_year
    inner join {{ ref('fct_indicator') }} as figure
        on
            target_year.indicator_code = figure.indicator_code
            and target_year.period_code = figure.period_code
            and target_year.breakdown_code = figure.breakdown_code
            and figure.standard_code in ('', target_year.standard_code)
    where figure.admin_unit_level = 'commune' or figure.admin_unit_code = target_year.province_code
),

summed as (
    select
        member.target_code,
        member.period_code,
        coalesce(sum(commune.numerator), 0) as numerator,
        case when bool_or(indicator.denominator_text is not null) then coalesce(sum(commune.denominator), 0) end
            as denominator,
        case
            when bool_or(indicator.is_of_agencies) then min(province.coverage_rate)
            else
                100.0 * count(*) filter (where member.is_at_year_end and commune.is_publishable)
                / count(*) filter (where member.is_at_year_end)
        end as coverage_rate,
        case
            when bool_or(indicator.is_of_agencies)
                then bool_and(coalesce(province.is_publishable, false) and coalesce(commune.is_publishable, true))
            else bool_and(coalesce(commune.is_publishable, not member.is_at_year_end))
        end as is_publishable
    from {{ ref('bridge_target_commune') }} as member
    inner join target_year
        on
            member.target_code = target_year.target_code
            and member.period_code = target_year.period_code
    inner join indicator on target_year.indicator_code = indicator.indicator_code
    left join figure as commune
        on
            member.target_code = commune.target_code
            and member.period_code = commune.period_code
            and member.commune_code = commune.admin_unit_code
            and commune.admin_unit_level = 'commune'
    left join figure as province
        on
            member.target_code = province.target_code
            and member.period_code = province.period_code
            and province.admin_unit_level = 'province'
    group by member.target_code, member.period_code
),

place_figure as (
    select
        target_code,
        period_code,
        numerator,
        denominator,
        coverage_rate,
        is_publishable
    from figure
    where is_whole_province and admin_unit_level = 'province'
    union all
    select
        target_code,
        period_code,
        numerator,
        denominator,
        trim_scale(round(coverage_rate, 6)),
        is_publishable
    from summed
),

-- What is not whole is not shown: it would look like the figure of the place.
known as (
    select
        target_year.*,
        place_figure.coverage_rate,
        coalesce(place_figure.is_publishable, false) as is_publishable,
        case when place_figure.is_publishable then place_figure.numerator end as numerator,
        case when place_figure.is_publishable then place_figure.denominator end as denominator,
        case
            when place_figure.is_publishable
                then {{ indicator_value('place_figure.numerator', 'place_figure.denominator', 'indicator') }}
        end as indicator_value
    from target_year
    inner join indicator on target_year.indicator_code = indicator.indicator_code
    left join place_figure
        on
            target_year.target_code = place_figure.target_code
            and target_year.period_code = place_figure.period_code
),

baseline as (
    select
        target_code,
        indicator_value as baseline_value
    from known
    where period_year = baseline_year
),

-- Where the path to a level begins: in the baseline year, else in the first year of which there is a figure.
first_known as (
    select distinct on (target_code)
        target_code,
        period_year as first_year,
        indicator_value as first_value
    from known
    where indicator_value is not null
    order by target_code asc, period_year is not distinct from baseline_year desc, period_year asc
),

based as (
    select
        known.*,
        baseline.baseline_value,
        baseline.baseline_value - known.indicator_value as reduction,
        known.indicator_value / nullif(baseline.baseline_value, 0) as ratio,
        first_known.first_year,
        first_known.first_value
    from known
    left join baseline on known.target_code = baseline.target_code
    left join first_known on known.target_code = first_known.target_code
    where known.is_of_plan
),

-- `standing` is what the measure would come to in the due year if nothing changed any more.
measured as (
    select
        *,
        case measure_code
            when 'average_annual_reduction' then reduction / nullif(period_year - baseline_year, 0)
            when 'ratio_to_baseline' then ratio
            else indicator_value
        end as value,
        case measure_code
            when 'average_annual_reduction' then reduction / nullif(due_year - baseline_year, 0)
            when 'ratio_to_baseline' then ratio
            else indicator_value
        end as standing,
        case measure_code
            when 'level' then first_year
            when 'each_year' then null
            else baseline_year
        end as path_from_year,
        case measure_code
            when 'level' then first_value
            when 'average_annual_reduction' then 0
            when 'ratio_to_baseline' then 1
        end as path_from_value
    from based
),

compared as (
    select
        *,
        due_year - period_year as years_left,
        {{ target_gap('value') }} as distance,
        {{ target_gap('standing') }} as gap,
        greatest({{ target_gap('path_from_value') }}, 0)
        * (due_year - period_year) / nullif(due_year - path_from_year, 0) as gap_on_path
    from measured
),

-- Bounds are written with up to six decimals (a third is 0.333333), so they are compared with as many.
judged as (
    select
        *,
        case
            when value is null then 'no_data'
            when round(gap, 6) < 0 or (round(gap, 6) = 0 and comparator_code <> 'more_than') then 'met'
            when years_left = 0 or measure_code = 'each_year' then 'missed'
            when round(gap - gap_on_path, 6) <= 0 then 'on_track'
            else 'off_track'
        end as status_code
    from compared
)

select
    programme_code,
    target_code,
    period_code,
    province_code,
    standard_code,
    indicator_code,
    breakdown_code,
    scope_code,
    measure_code,
    comparator_code,
    unit,
    baseline_year,
    baseline_year::text as baseline_period_code,
    baseline_value,
    numerator,
    denominator,
    indicator_value,
    trim_scale(round(value, 6)) as value,
    target_low,
    target_high,
    due_year,
    trim_scale(round(distance, 6)) as distance,
    status_code,
    case when value is not null then path_from_year end as path_from_year,
    case when value is not null then trim_scale(round(path_from_value, 6)) end as path_from_value,
    trim_scale(round(case measure_code
        when 'average_annual_reduction' then value
        when 'each_year' then null
        else (value - path_from_value) / nullif(period_year - path_from_year, 0)
    end, 6)) as pace_so_far,
    trim_scale(round(case
        when measure_code = 'each_year' or years_left = 0 or value is null then null
        when status_code = 'met' then 0
        when measure_code = 'average_annual_reduction' then gap * (due_year - baseline_year) / years_left
        -- towards the bound that is nearer
        when comparator_code = 'at_most' or (comparator_code = 'between' and value > target_high)
            then -gap / years_left
        else gap / years_left
    end, 6)) as pace_required,
    coverage_rate,
    is_publishable
from judged
