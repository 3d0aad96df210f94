-- The end of a movement form (column 9) is not the count of the result form: its households, or its persons.
-- Not judged: while the movement form is not accepted, and where either figure is missing.
with movement as (
    select
        sender_code,
        period_code,
        standard_code,
        commune_code,
        case counted when 'households' then 'poor_count' when 'persons' then 'poor_persons' end as column_name,
        "end" as expected
    from accepted.poor_movement
    union all
    select
        sender_code,
        period_code,
        standard_code,
        commune_code,
        case counted when 'households' then 'near_poor_count' when 'persons' then 'near_poor_persons' end
            as column_name,
        "end" as expected
    from accepted.near_poor_movement
)

select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    declared.column_name,
    declared.value,
    movement.expected
from {batch} as b
cross join lateral (
    values
    ('poor_count', b.poor_count),
    ('near_poor_count', b.near_poor_count),
    ('poor_persons', b.poor_persons),
    ('near_poor_persons', b.near_poor_persons)
) as declared (column_name, value)
inner join movement
    on
        b.sender_code = movement.sender_code
        and b.period_code = movement.period_code
        and b.standard_code = movement.standard_code
        and b.commune_code = movement.commune_code
        and declared.column_name = movement.column_name
where declared.value <> movement.expected
