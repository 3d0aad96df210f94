select
    code as cause_code,
    name_vi,
    name_en
from {{ ref('poverty_cause') }}
