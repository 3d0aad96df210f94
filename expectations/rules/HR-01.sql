-- The commune is not the sender's on the last day of the period: not in the district of 'huyen-<district code>', or not
-- the commune of 'xa-<commune code>' itself. A code names a place only on a day. A row without a commune is not judged.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    'commune_code' as column_name,
    b.commune_code as value,
    concat_ws(' ', b.commune_code, b.commune_name) as commune,
    b.sender_code as sender
from {batch} as b
left join reference.admin_unit as unit
    on
        b.commune_code = unit.code
        and unit.level = 'commune'
        and b.period_end >= coalesce(unit.valid_from, '-infinity')
        and b.period_end <= coalesce(unit.valid_to, 'infinity')
where
    b.commune_code is not null
    and case
        when b.sender_code like 'huyen-%' then unit.parent_code is distinct from substr(b.sender_code, 7)
        when b.sender_code like 'xa-%' then unit.code is distinct from substr(b.sender_code, 4)
        else true
    end
