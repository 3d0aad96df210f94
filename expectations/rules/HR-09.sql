-- The name given is not that of the commune's code on the last day of the period, however it is written. What a name
-- means is known by the reader of places: the gate asks it for each code and name of the batch, and notes in
-- misnamed_commune those that differ.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    'commune_name' as column_name,
    b.commune_name as value,
    b.commune_code,
    m.expected
from {batch} as b
inner join misnamed_commune as m
    on
        b.commune_code = m.commune_code
        and b.commune_name = m.commune_name
        and b.period_end = m.period_end
