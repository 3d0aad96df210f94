-- Column 9 is not 1-2-3-4+5+6+7+8, where an empty cell counts as 0. Not judged: a row of which one of the nine could
-- not be read.
with summed as (
    select
        submission_id,
        sheet_name,
        row_number,
        "end",
        unread_columns,
        coalesce(start, 0)
        - coalesce(escaped, 0)
        - coalesce(to_poor, 0)
        - coalesce(other_decrease, 0)
        + coalesce(from_poor, 0)
        + coalesce(relapsed, 0)
        + coalesce(new, 0)
        + coalesce(other_increase, 0) as expected
    from {batch}
)

select
    submission_id,
    sheet_name,
    row_number,
    'end' as column_name,
    "end" as value,
    expected,
    coalesce("end", 0) - expected as difference
from summed
where
    coalesce("end", 0) <> expected
    and (
        unread_columns && array[
            'start', 'escaped', 'to_poor', 'other_decrease', 'from_poor', 'relapsed', 'new',
            'other_increase', 'end'
        ]
    ) is not true
