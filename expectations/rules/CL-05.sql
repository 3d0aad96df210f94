-- Contracted after the last day of the period. A row without a date is not judged.
select
    submission_id,
    sheet_name,
    row_number,
    'contracted_on' as column_name,
    contracted_on as value,
    period_end
from {batch}
where contracted_on > period_end
