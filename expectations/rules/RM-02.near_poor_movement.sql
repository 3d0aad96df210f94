-- The same households in both movement forms: poor that became near-poor (column 5 here, 2 there) and near-poor that
-- became poor (3 here, 5 there). Not judged: while the other form is not accepted, and where either figure is missing.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    pair.column_name,
    pair.value,
    pair.expected
from {batch} as b
inner join accepted.poor_movement as other
    on
        b.sender_code = other.sender_code
        and b.period_code = other.period_code
        and b.standard_code = other.standard_code
        and b.commune_code = other.commune_code
        and b.counted = other.counted
cross join lateral (
    values
    ('from_poor', b.from_poor, other.to_near_poor),
    ('to_poor', b.to_poor, other.from_near_poor)
) as pair (column_name, value, expected)
where pair.value <> pair.expected
