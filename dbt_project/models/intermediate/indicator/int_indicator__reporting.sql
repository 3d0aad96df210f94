with report as (
    select *
    from {{ ref('int_report__status') }}
    where is_expected
),

-- An agency reports for the whole province, which only its districts or communes name.
province_of_year as (
    select distinct
        left(period_code, 4) as year_code,
        province_code
    from report
    where province_code is not null
),

-- Each report counts for its own period and for the year.
counted as (
    select
        report.dataset,
        counted_in.period_code,
        report.unit_code,
        report.unit_level,
        coalesce(report.province_code, province_of_year.province_code) as province_code,
        report.is_accepted,
        report.is_accepted and report.is_on_time as is_accepted_on_time,
        report.due_on < {{ as_of() }} as is_due
    from report
    left join province_of_year
        on
            report.province_code is null
            and left(report.period_code, 4) = province_of_year.year_code
    cross join
        lateral unnest(
            case
                when length(report.period_code) = 4 then array[report.period_code]
                else array[report.period_code, left(report.period_code, 4)]
            end
        ) as counted_in (period_code)
),

place as (
    select
        dataset,
        period_code,
        'province' as admin_unit_level,
        province_code as admin_unit_code,
        is_accepted,
        is_accepted_on_time,
        is_due
    from counted
    where province_code is not null
    union all
    select
        dataset,
        period_code,
        unit_level,
        unit_code,
        is_accepted,
        is_accepted_on_time,
        is_due
    from counted
    where unit_code is not null
),

summed as (
    select
        period_code,
        admin_unit_level,
        admin_unit_code,
        coalesce(dataset, '') as breakdown_code,
        count(*) as expected_count,
        count(*) filter (where is_accepted) as accepted_count,
        count(*) filter (where is_accepted_on_time) as on_time_count,
        bool_and(is_due) as is_due
    from place
    group by grouping sets (
        (period_code, admin_unit_level, admin_unit_code, dataset),
        (period_code, admin_unit_level, admin_unit_code)
    )
)

select
    figure.indicator_code,
    summed.period_code,
    '' as standard_code,
    summed.admin_unit_level,
    summed.admin_unit_code,
    summed.breakdown_code,
    figure.numerator::numeric as numerator,
    summed.expected_count::numeric as denominator,
    summed.is_due as is_known,
    100::numeric as coverage_rate
from summed
cross join lateral (
    values
    ('reporting_completeness', summed.accepted_count),
    ('reporting_timeliness', summed.on_time_count)
) as figure (indicator_code, numerator)
