-- The end of a movement form (column 9) is not the count of the result form: its households, or its persons.
-- Not judged: while the movement form is not accepted, and where either figure is missing.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    pair.column_name,
    pair.value,
    pair.expected
from {batch} as b
inner join (
    select
        sender_code,
        period_code,
        standard_code,
        commune_code,
        case counted when 'households' then 'poor_count' else 'poor_persons' end as column_name,
        "end" as expected
    from accepted.poor_movement
    union all
    select
        sender_code,
        period_code,
        standard_code,
        commune_code,
        case counted when 'households' then 'near_poor_count' else 'near_poor_persons' end as column_name,
        "end" as expected
    from accepted.near_poor_movement
) as movement
    on
        b.sender_code = movement.sender_code
        and b.period_code = movement.period_code
        and b.standard_code = movement.standard_code
        and b.commune_code = movement.commune_code
inner join lateral (
    values
    ('poor_count', b.poor_count, movement.expected),
    ('near_poor_count', b.near_poor_count, movement.expected),
    ('poor_persons', b.poor_persons, movement.expected),
    ('near_poor_persons', b.near_poor_persons, movement.expected)
) as pair (column_name, value, expected)
    on movement.column_name = pair.column_name
where pair.value <> pair.expected
