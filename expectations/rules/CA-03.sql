-- Held before the first or after the last day of the period. A row without a date is not judged.
select
    submission_id,
    sheet_name,
    row_number,
    'held_on' as column_name,
    held_on as value,
    period_start,
    period_end
from {batch}
where held_on not between period_start and period_end
