select
    code as project_code,
    name_vi,
    name_en,
    budget_kind as budget_kind_code,
    lower(lead_agency) as lead_sender_code,
    seed_clause as legal_source
from {{ ref('programme_project') }}
