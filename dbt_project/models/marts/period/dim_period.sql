with bounds as (
    select
        least(2010, min(reported.report_year)) as first_year,
        greatest(2030, max(reported.report_year) + 1) as last_year
    from (
        select period_year as report_year from {{ ref('stg_submission') }}
        union all
        select report_year from {{ ref('int_report__calendar') }}
    ) as reported
),

year_in_range as (
    select series.year_number as period_year
    from bounds
    cross join generate_series(bounds.first_year, bounds.last_year) as series (year_number)
),

period as (
    select
        year_in_range.period_year || case when kind.cadence = 'A' then '' else '-' || kind.cadence || part.number end
            as period_code,
        kind.cadence,
        make_date(year_in_range.period_year, (part.number - 1) * kind.months + 1, 1) as start_date,
        (
            make_date(year_in_range.period_year, (part.number - 1) * kind.months + 1, 1)
            + make_interval(months => kind.months)
            - interval '1 day'
        )::date as end_date,
        year_in_range.period_year as year
    from year_in_range
    cross join (values ('A', 12), ('S', 6), ('Q', 3)) as kind (cadence, months)
    cross join lateral generate_series(1, 12 / kind.months) as part (number)
)

select
    period_code,
    cadence,
    start_date,
    end_date,
    year,
    lag(period_code) over (partition by cadence order by start_date) as previous_period_code
from period
