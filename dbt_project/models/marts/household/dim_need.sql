select
    code as need_code,
    name_vi,
    name_en
from {{ ref('need') }}
