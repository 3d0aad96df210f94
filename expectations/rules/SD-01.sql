-- A delivered support must have its date and its amount, any other support neither; one row per wrong cell.
-- Not judged: a row without a status, and a cell that could not be read.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    part.column_name,
    part.value,
    b.status,
    b.delivered_on,
    b.amount
from {batch} as b
cross join lateral (
    values
    ('delivered_on', to_char(b.delivered_on, 'DD/MM/YYYY')),
    ('amount', b.amount::text)
) as part (column_name, value)
where
    (b.status = 'delivered') = (part.value is null)
    and (part.column_name = any(b.unread_columns)) is not true
