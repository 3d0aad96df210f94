with bounds as (
    select
        min(start_date) as first_date,
        max(end_date) as last_date
    from {{ ref('dim_period') }}
),

day_in_range as (
    select day.instant::date as day_date
    from bounds
    cross join generate_series(bounds.first_date, bounds.last_date, interval '1 day') as day (instant)
)

select
    day_in_range.day_date,
    year_of.period_code as year_period_code,
    half_year.period_code as half_year_period_code,
    quarter_of.period_code as quarter_period_code
from day_in_range
inner join {{ ref('dim_period') }} as year_of
    on day_in_range.day_date between year_of.start_date and year_of.end_date and year_of.cadence = 'A'
inner join {{ ref('dim_period') }} as half_year
    on day_in_range.day_date between half_year.start_date and half_year.end_date and half_year.cadence = 'S'
inner join {{ ref('dim_period') }} as quarter_of
    on day_in_range.day_date between quarter_of.start_date and quarter_of.end_date and quarter_of.cadence = 'Q'
