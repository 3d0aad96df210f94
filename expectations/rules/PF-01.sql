-- Allocated above planned, or disbursed above allocated; one row per wrong figure. A pair of which one is missing is
-- not judged.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    pair.column_name,
    pair.value,
    pair.whole_column,
    pair.whole as "limit"
from {batch} as b
cross join lateral (
    values
    ('allocated', b.allocated, 'planned', b.planned),
    ('disbursed', b.disbursed, 'allocated', b.allocated)
) as pair (column_name, value, whole_column, whole)
where pair.value > pair.whole
