select
    admin_unit_key,
    code,
    level,
    name,
    parent_code,
    district_code,
    province_code,
    system,
    valid_from,
    valid_to
from {{ ref('int_place__dated_unit') }}
