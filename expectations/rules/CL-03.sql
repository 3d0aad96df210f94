-- Disbursed in the quarter more than the credit programme lends at most. A programme without a ceiling is not judged.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    'disbursed_in_period' as column_name,
    b.disbursed_in_period as value,
    b.disbursed_in_period as disbursed,
    programme.ceiling_vnd as ceiling,
    programme.name_vi as programme_vi,
    programme.name_en as programme_en
from {batch} as b
inner join reference.credit_programme as programme on b.credit_programme_code = programme.code
where b.disbursed_in_period > programme.ceiling_vnd
