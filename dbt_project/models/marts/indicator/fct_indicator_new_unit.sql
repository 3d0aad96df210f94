-- The planner cannot know how few rows the steps below have, and would merge them by two columns of five: minutes.
{{ config(pre_hook="set local enable_mergejoin = off") }}

with two_level as (
    select min(valid_from) as begins_on
    from {{ ref('dim_admin_unit') }}
    where system = 'two_level'
),

figure as (
    select
        figure.*,
        -- one key, since the planner cannot tell how few units a period has and would join them row by row
        figure.period_code || ' ' || figure.admin_unit_level || ' ' || figure.admin_unit_code as place_key,
        period.end_date,
        period.end_date >= two_level.begins_on as is_of_new_unit
    from {{ ref('fct_indicator') }} as figure
    inner join {{ ref('dim_period') }} as period on figure.period_code = period.period_code
    cross join two_level
    where figure.admin_unit_level in ('commune', 'province')
),

-- No province was divided: each became a part of the one that its communes are in now.
joined_province as (
    select distinct
        old_unit.province_code as old_code,
        new_unit.province_code as new_code
    from {{ ref('bridge_admin_unit_successor') }} as successor
    inner join {{ ref('dim_admin_unit') }} as old_unit
        on
            successor.old_commune_code = old_unit.code
            and old_unit.level = 'commune'
            and old_unit.system = 'three_level'
    inner join {{ ref('dim_admin_unit') }} as new_unit
        on
            successor.new_commune_code = new_unit.code
            and new_unit.level = 'commune'
            and new_unit.system = 'two_level'
),

-- Of the whole country only the provinces that became one with those that have figures.
province_of_figures as (
    select
        old_code,
        new_code
    from joined_province
    where new_code in (
        select reported.new_code
        from joined_province as reported
        inner join figure
            on
                reported.old_code = figure.admin_unit_code
                and figure.admin_unit_level = 'province'
                and not figure.is_of_new_unit
    )
),

old_unit as (
    select
        unit.level,
        unit.code,
        unit.district_code,
        unit.valid_from,
        coalesce(unit.valid_to, 'infinity') as valid_until
    from {{ ref('dim_admin_unit') }} as unit
    inner join province_of_figures on unit.province_code = province_of_figures.old_code
    where unit.system = 'three_level'
),

predecessor as (
    select
        'commune' as admin_unit_level,
        old_commune_code as old_code,
        new_commune_code as new_code,
        share,
        share_basis_code <> 'whole' as is_part
    from {{ ref('bridge_admin_unit_share') }}
    union all
    select
        'province',
        old_code,
        new_code,
        1,
        false
    from province_of_figures
),

old_period as (
    select distinct
        period_code,
        end_date
    from figure
    where not is_of_new_unit
),

-- The units of each day; and those that figures are of, since a unit may be dated a little early or late.
unit_of_period as (
    select
        old_period.period_code,
        old_unit.level as admin_unit_level,
        old_unit.code,
        old_unit.district_code
    from old_period
    inner join old_unit on old_period.end_date between old_unit.valid_from and old_unit.valid_until
    union
    select distinct
        figure.period_code,
        figure.admin_unit_level,
        figure.admin_unit_code,
        old_unit.district_code
    from figure
    left join old_unit
        on
            figure.admin_unit_level = old_unit.level
            and figure.admin_unit_code = old_unit.code
            and figure.end_date between old_unit.valid_from and old_unit.valid_until
    where not figure.is_of_new_unit
),

-- Districts with a commune of which nobody tells where it is now: what was made of their other communes may lack it.
district_with_lost as (
    select distinct
        unit_of_period.period_code,
        unit_of_period.district_code
    from unit_of_period
    left join predecessor
        on
            unit_of_period.admin_unit_level = predecessor.admin_unit_level
            and unit_of_period.code = predecessor.old_code
    where
        unit_of_period.admin_unit_level = 'commune'
        and predecessor.old_code is null
),

made_of as (
    select
        unit_of_period.period_code || ' ' || unit_of_period.admin_unit_level || ' ' || unit_of_period.code as place_key,
        predecessor.old_code,
        predecessor.new_code,
        predecessor.share,
        predecessor.is_part,
        bool_or(predecessor.is_part) over new_unit as is_estimate,
        bool_or(lost.district_code is not null) over new_unit as may_lack_a_commune,
        count(*) filter (where predecessor.share > 0) over new_unit as old_unit_count
    from unit_of_period
    inner join predecessor
        on
            unit_of_period.admin_unit_level = predecessor.admin_unit_level
            and unit_of_period.code = predecessor.old_code
    left join district_with_lost as lost
        on
            unit_of_period.period_code = lost.period_code
            and unit_of_period.district_code = lost.district_code
    window new_unit as (
        partition by unit_of_period.period_code, unit_of_period.admin_unit_level, predecessor.new_code
    )
),

placed as (
    select
        figure.indicator_code,
        figure.period_code,
        figure.standard_code,
        figure.admin_unit_level,
        made_of.new_code,
        figure.breakdown_kind_code,
        figure.breakdown_code,
        figure.numerator * made_of.share as numerator,
        figure.denominator * made_of.share as denominator,
        made_of.is_part,
        made_of.is_estimate,
        made_of.may_lack_a_commune,
        made_of.old_unit_count,
        figure.coverage_rate,
        figure.is_publishable,
        -- a unit has an indicator if it has a row of it, whatever the breakdown
        row_number() over (
            partition by
                figure.indicator_code,
                figure.period_code,
                figure.standard_code,
                figure.admin_unit_level,
                made_of.new_code,
                made_of.old_code
            order by figure.coverage_rate
        ) = 1 as is_first_of_old_unit
    from figure
    inner join made_of on figure.place_key = made_of.place_key
    where
        not figure.is_of_new_unit
        and made_of.share > 0
),

summed as (
    select
        indicator_code,
        period_code,
        standard_code,
        admin_unit_level,
        new_code,
        breakdown_kind_code,
        breakdown_code,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        coalesce(sum(numerator) filter (where is_part), 0) as estimated_numerator,
        coalesce(sum(denominator) filter (where is_part), 0) as estimated_denominator,
        bool_and(is_publishable) as is_every_part_publishable,
        bool_or(is_estimate) as is_estimate,
        bool_or(may_lack_a_commune) as may_lack_a_commune,
        max(old_unit_count) as old_unit_count,
        sum(coverage_rate) filter (where is_first_of_old_unit) as summed_coverage,
        count(*) filter (where is_first_of_old_unit) as present_unit_count
    from placed
    group by
        indicator_code, period_code, standard_code, admin_unit_level, new_code, breakdown_kind_code, breakdown_code
),

sent_by_unit as (
    select distinct indicator.indicator_code
    from {{ ref('dim_indicator') }} as indicator
    cross join string_to_table(indicator.source_datasets, ';') as listed (dataset)
    inner join {{ ref('reporting_calendar') }} as calendar
        on
            trim(listed.dataset) = calendar.dataset
            and calendar.sender_rule = 'unit'
),

-- Each unit of then weighs the same. One without a figure is missing, but where an agency reports for all communes:
-- there it has none to report.
covered as (
    select
        summed.*,
        sum(summed.summed_coverage) over series
        / case
            when sent_by_unit.indicator_code is not null or summed.admin_unit_level = 'province'
                then summed.old_unit_count
            else sum(summed.present_unit_count) over series
        end as coverage_rate,
        -- a part that a commune has not is only known to be none where all parts of its kind are known
        bool_and(summed.is_every_part_publishable) over kind as is_publishable
    from summed
    left join sent_by_unit on summed.indicator_code = sent_by_unit.indicator_code
    window
        series as (
            partition by
                summed.indicator_code,
                summed.period_code,
                summed.standard_code,
                summed.admin_unit_level,
                summed.new_code
        ),
        kind as (
            partition by
                summed.indicator_code,
                summed.period_code,
                summed.standard_code,
                summed.admin_unit_level,
                summed.new_code,
                summed.breakdown_kind_code
        )
),

in_new_unit as (
    select
        indicator_code,
        period_code,
        standard_code,
        admin_unit_level,
        admin_unit_code,
        breakdown_kind_code,
        breakdown_code,
        numerator,
        denominator,
        false as is_estimate,
        0::numeric as estimated_numerator,
        0::numeric as estimated_denominator,
        coverage_rate,
        is_publishable
    from figure
    where is_of_new_unit
    union all
    select
        indicator_code,
        period_code,
        standard_code,
        admin_unit_level,
        new_code,
        breakdown_kind_code,
        breakdown_code,
        trim_scale(numerator),
        trim_scale(denominator),
        is_estimate,
        estimated_numerator,
        estimated_denominator,
        trim_scale(coverage_rate),
        is_publishable and coverage_rate = 100 and not may_lack_a_commune
    from covered
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
    figure.is_estimate,
    trim_scale(100 * figure.estimated_numerator / nullif(figure.numerator, 0)) as estimated_numerator_rate,
    trim_scale(100 * figure.estimated_denominator / nullif(figure.denominator, 0)) as estimated_denominator_rate,
    figure.coverage_rate,
    figure.is_publishable
from in_new_unit as figure
inner join {{ ref('dim_indicator') }} as indicator on figure.indicator_code = indicator.indicator_code
