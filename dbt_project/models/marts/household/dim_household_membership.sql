{{ config(
    slice_by=['person_key'],
    touched_by={
        'int_member__membership': ['person_key'],
    }
) }}

select
    person_key,
    valid_from_year,
    household_id,
    household_code,
    person_no,
    relation_to_head_code,
    valid_to_year,
    is_current
from {{ ref('int_member__membership') }} -- slice: person_key
