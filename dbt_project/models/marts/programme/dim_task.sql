select
    code as task_code,
    programme_code,
    clause as legal_source,
    lower(lead_agency) as lead_sender_code,
    name_vi,
    name_en
from {{ ref('programme_task') }}
