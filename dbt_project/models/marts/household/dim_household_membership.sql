select
    person_key,
    valid_from_year,
    household_id,
    household_code,
    person_no,
    relation_to_head_code,
    valid_to_year,
    is_current
from {{ ref('int_member__membership') }}
