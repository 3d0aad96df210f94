-- Outstanding differs from its three parts, to the dong. A row that lacks one of the four is not judged.
select
    submission_id,
    sheet_name,
    row_number,
    'outstanding' as column_name,
    outstanding as value,
    outstanding_in_term,
    overdue,
    frozen,
    outstanding_in_term + overdue + frozen as parts_total
from {batch}
where outstanding <> outstanding_in_term + overdue + frozen
