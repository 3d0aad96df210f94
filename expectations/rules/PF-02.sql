-- Allocated or disbursed since 1 January is less than in the last quarter of the same year that was accepted with the
-- same project, source, kind and place. The plan is no cumulative figure: it may be cut. Not judged: a missing figure.
with before as (
    select distinct on (b.submission_id, b.sheet_name, b.row_number)
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.allocated,
        b.disbursed,
        earlier.period_code as quarter,
        earlier.allocated as previous_allocated,
        earlier.disbursed as previous_disbursed
    from {batch} as b
    inner join accepted.programme_finance as earlier
        on
            b.sender_code = earlier.sender_code
            and b.project_code = earlier.project_code
            and b.funding_source = earlier.funding_source
            and b.budget_kind = earlier.budget_kind
            and b.admin_unit_code = earlier.admin_unit_code
            and extract(year from b.period_end) = extract(year from earlier.period_end)
            and b.period_end > earlier.period_end
    order by b.submission_id, b.sheet_name, b.row_number, earlier.period_end desc
)

select
    before.submission_id,
    before.sheet_name,
    before.row_number,
    pair.column_name,
    pair.value,
    pair.previous,
    before.quarter
from before
cross join lateral (
    values
    ('allocated', before.allocated, before.previous_allocated),
    ('disbursed', before.disbursed, before.previous_disbursed)
) as pair (column_name, value, previous)
where pair.value < pair.previous
