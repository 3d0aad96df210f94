-- The class at the start of the year is not the one that the household's last accepted review gave: that of the latest
-- earlier year, under the same standard. Where two senders reviewed it that year, either's class will do. Not judged: a
-- household that no earlier review has, or a row without a previous class.
select
    submission_id,
    sheet_name,
    row_number,
    'class_previous' as column_name,
    class_previous as value,
    class_previous as reported,
    known,
    review_year as year
from (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.class_previous,
        a.class_reported as known,
        extract(year from a.period_end)::integer as review_year,
        row_number() over (
            partition by b.submission_id, b.sheet_name, b.row_number
            order by a.period_end desc, a.submission_id, a.row_number
        ) as recency,
        bool_or(a.class_reported = b.class_previous) over (
            partition by b.submission_id, b.sheet_name, b.row_number, a.period_end
        ) as is_confirmed
    from {batch} as b
    inner join accepted.household_review as a
        on
            b.household_code = a.household_code
            and b.standard_code = a.standard_code
            and b.period_end > a.period_end
    where
        b.class_previous is not null
        and a.class_reported is not null
) as compared
where recency = 1 and not is_confirmed
