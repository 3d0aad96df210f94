select
    credit_programme_code,
    coalesce(valid_from, date '1900-01-01') as valid_from,
    valid_to,
    annual_rate_percent as annual_rate,
    legal_source,
    is_verified,
    source_note
from {{ ref('credit_rate') }}
