select
    policy_code,
    coalesce(valid_from, date '1900-01-01') as valid_from,
    valid_to,
    unit_amount_vnd,
    full_price_vnd,
    100 * unit_amount_vnd / full_price_vnd as covered_rate,
    legal_source,
    is_verified,
    source_note
from {{ ref('support_amount') }}
