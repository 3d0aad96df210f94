-- The household is in no accepted review of the year of the period or an earlier one. Not judged: a code that is
-- missing or not written as a household code.
with register as (
    select
        household_code,
        min(period_end) as first_reviewed_on
    from accepted.household_review
    group by household_code
)

select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    'household_code' as column_name,
    b.household_code as value,
    b.household_code
from {batch} as b
left join register
    on
        b.household_code = register.household_code
        and extract(year from register.first_reviewed_on) <= extract(year from b.period_end)
where
    b.household_code like '_____-_____'
    and register.household_code is null
