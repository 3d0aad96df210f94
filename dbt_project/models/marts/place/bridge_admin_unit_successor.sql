select
    old_commune_code,
    new_commune_code,
    how,
    how = 'whole' or is_main_part as is_main_part
from {{ ref('admin_unit_successor') }}
