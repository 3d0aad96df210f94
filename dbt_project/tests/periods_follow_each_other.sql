-- What: a period does not begin on the day after the one called its previous.
-- When: the calendar of dim_period was changed.
-- How to resolve: correct start_date, end_date or previous_period_code there.
select
    period.period_code,
    period.start_date,
    previous.end_date
from {{ ref('dim_period') }} as period
inner join {{ ref('dim_period') }} as previous on period.previous_period_code = previous.period_code
where
    period.start_date <> previous.end_date + 1
    or period.cadence <> previous.cadence
