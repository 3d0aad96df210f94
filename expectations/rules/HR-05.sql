-- A poor household for which no cause is given. A cell of causes that could not be read is another finding.
select
    submission_id,
    sheet_name,
    row_number,
    'poverty_causes' as column_name,
    null as value
from {batch}
where
    class_reported = 'poor'
    and coalesce(cardinality(poverty_causes), 0) = 0
    and ('poverty_causes' = any(unread_columns)) is not true
