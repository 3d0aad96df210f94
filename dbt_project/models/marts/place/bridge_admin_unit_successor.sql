select
    old_commune_code,
    new_commune_code,
    how,
    how = 'whole' or is_main_part as is_main_part,
    via_commune_code,
    coalesce(is_inferred, false) as is_inferred,
    source_note
from {{ ref('admin_unit_successor') }}
