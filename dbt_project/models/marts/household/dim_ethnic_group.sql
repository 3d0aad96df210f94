select
    code as ethnic_group_code,
    name_vi,
    aliases,
    is_minority as is_ethnic_minority
from {{ ref('ethnic_group') }}
