select
    policy.code as policy_code,
    policy."group" as policy_group_code,
    policy.name_vi,
    policy.name_en,
    policy.per as recipient_code,
    policy.for_class as entitled_class_codes,
    lower(policy.lead_agency) as lead_sender_code,
    amount.unit_amount_vnd,
    amount.full_price_vnd,
    policy.valid_from,
    policy.valid_to,
    concat_ws('; ', policy.seed_clause, policy.legal_source) as legal_source,
    policy.is_verified,
    policy.source_note
from {{ ref('support_policy') }} as policy
left join {{ ref('support_amount') }} as amount
    on
        policy.code = amount.policy_code
        and {{ in_force('amount', as_of()) }}
