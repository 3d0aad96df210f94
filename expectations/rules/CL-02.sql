-- Outstanding differs from its three parts, to the dong. A row that lacks one of the four is not judged.
select
    submission_id,
    sheet_name,
    row_number,
    'outstanding' as column_name,
    outstanding as value,
    outstanding,
    outstanding_in_term as in_term,
    overdue,
    frozen,
    outstanding_in_term + overdue + frozen as expected
from {batch}
where outstanding <> outstanding_in_term + overdue + frozen
