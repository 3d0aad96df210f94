-- The rows of a household are not as many as its accepted review of the same year says: one finding, on its first row.
-- Where two reviews have it (two standards, two senders), either's number will do.
select
    submission_id,
    sheet_name,
    row_number,
    'household_code' as column_name,
    household_code as value,
    household_code,
    count,
    expected
from (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.household_code,
        b.count,
        max(a.member_count) as expected,
        bool_or(a.member_count = b.count) as is_confirmed
    from (
        select
            c.submission_id,
            c.sheet_name,
            c.row_number,
            c.household_code,
            c.period_end,
            row_number() over (
                partition by c.submission_id, c.household_code
                order by c.sheet_name, c.row_number
            ) as place,
            count(*) over (partition by c.submission_id, c.household_code) as count
        from {batch} as c
    ) as b
    inner join accepted.household_review as a
        on
            b.household_code = a.household_code
            and b.period_end = a.period_end
    where
        b.place = 1
        and a.member_count is not null
    group by b.submission_id, b.sheet_name, b.row_number, b.household_code, b.count
) as compared
where not is_confirmed
