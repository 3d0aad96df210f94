select
    code as policy_code,
    "group" as policy_group_code,
    name_vi,
    name_en,
    per as recipient_code,
    for_class as entitled_class_codes,
    lower(lead_agency) as lead_sender_code,
    unit_amount_vnd,
    full_price_vnd,
    seed_clause as legal_source
from {{ ref('support_policy') }}
