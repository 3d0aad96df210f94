-- A district or commune that was renamed keeps its code and so its folder: it has the name that it had last.
with unit as (
    select distinct on (level, code)
        case level when 'district' then 'huyen-' else 'xa-' end || code as sender_code,
        level,
        name,
        code,
        province_code,
        min(valid_from) over (partition by level, code) as valid_from,
        valid_to
    from {{ ref('int_place__dated_unit') }}
    where
        level = 'district'
        or (level = 'commune' and system = 'two_level')
    order by level asc, code asc, valid_until desc
)

select
    sender_code,
    level as sender_kind_code,
    name as name_vi,
    null::text as name_en,
    code as admin_unit_code,
    province_code,
    valid_from,
    valid_to
from unit
union all
select
    lower(code),
    kind,
    name_vi,
    name_en,
    null,
    null,
    null,
    null
from {{ ref('agency') }}
