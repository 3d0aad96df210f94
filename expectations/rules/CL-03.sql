-- Disbursed in the quarter more than the credit programme lent at most on the day of the contract. Not judged: a loan
-- without a day, and a programme without a ceiling on it.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    'disbursed_in_period' as column_name,
    b.disbursed_in_period as value,
    b.disbursed_in_period as disbursed,
    ceiling.ceiling_vnd as ceiling,
    b.contracted_on as day,
    programme.name_vi as programme_vi,
    programme.name_en as programme_en
from {batch} as b
inner join reference.credit_programme as programme on b.credit_programme_code = programme.code
inner join reference.credit_ceiling as ceiling
    on
        b.credit_programme_code = ceiling.credit_programme_code
        and b.contracted_on between coalesce(ceiling.valid_from, '-infinity') and coalesce(ceiling.valid_to, 'infinity')
where b.disbursed_in_period > ceiling.ceiling_vnd
