-- Born after the period, or more than 120 years before its end. Of a birth of which only the year is known, that year
-- as a whole must lie outside.
select
    submission_id,
    sheet_name,
    row_number,
    'birth_date' as column_name,
    birth_date as value,
    earliest,
    latest
from (
    select
        submission_id,
        sheet_name,
        row_number,
        birth_date,
        (period_end - interval '120 years')::date as earliest,
        period_end as latest,
        case birth_date_precision
            when 'year' then date_trunc('year', birth_date)::date
            else birth_date
        end as born_from,
        case birth_date_precision
            when 'year' then (date_trunc('year', birth_date) + interval '1 year' - interval '1 day')::date
            else birth_date
        end as born_until
    from {batch}
) as born
where
    born_from > latest
    or born_until < earliest
