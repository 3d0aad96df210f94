-- No accepted review of the same year, whoever sent it and under whichever standard, has the household. Not judged: a
-- row without a household code.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    'household_code' as column_name,
    b.household_code as value,
    b.household_code,
    extract(year from b.period_end)::integer as year
from {batch} as b
left join accepted.household_review as a
    on
        b.household_code = a.household_code
        and b.period_end = a.period_end
where
    b.household_code is not null
    and a.household_code is null
