-- A number of 12 digits tells sex and century by its fourth digit (even for men, odd for women; 0 and 1 for births of
-- 1900-1999, 2 and 3 of 2000-2099, and so on) and the year of birth by the two behind it. Not judged: a number of
-- another form; what is missing in the row contradicts nothing.
select
    submission_id,
    sheet_name,
    row_number,
    'national_id' as column_name,
    national_id as value,
    case
        when is_other_sex and is_other_year then 'giới tính và năm sinh'
        when is_other_sex then 'giới tính'
        else 'năm sinh'
    end as column_vi,
    case
        when is_other_sex and is_other_year then 'sex and year of birth'
        when is_other_sex then 'the sex'
        else 'the year of birth'
    end as column_en
from (
    select
        submission_id,
        sheet_name,
        row_number,
        national_id,
        coalesce(
            (sex = 'male') <> (substr(national_id, 4, 1)::integer % 2 = 0),
            false
        ) as is_other_sex,
        coalesce(
            extract(year from birth_date)
            <> 1900 + substr(national_id, 4, 1)::integer / 2 * 100 + substr(national_id, 5, 2)::integer,
            false
        ) as is_other_year
    from {batch}
    where national_id ~ '^\d\d\d\d\d\d\d\d\d\d\d\d$'
) as told
where is_other_sex or is_other_year
