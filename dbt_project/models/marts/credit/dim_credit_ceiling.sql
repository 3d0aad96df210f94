select
    credit_programme_code,
    coalesce(valid_from, date '1900-01-01') as valid_from,
    valid_to,
    ceiling_vnd,
    legal_source,
    is_verified,
    source_note
from {{ ref('credit_ceiling') }}
