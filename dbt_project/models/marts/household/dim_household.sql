{{ config(
    slice_by=['household_id'],
    touched_by={
        'int_household__version': ['household_id'],
    }
) }}

select
    household_key,
    household_id,
    household_code,
    commune_code,
    village_name,
    ethnic_group_code,
    is_ethnic_minority,
    area_type,
    member_count,
    is_merit_family,
    has_social_protection_member,
    has_no_labour_capacity,
    class_code,
    valid_from_year,
    valid_to_year,
    is_current
from {{ ref('int_household__version') }} -- slice: household_id
