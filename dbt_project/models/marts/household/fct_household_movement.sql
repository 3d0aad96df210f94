{{ config(
    slice_by=['household_id'],
    touched_by={
        'int_movement__household': ['household_id'],
    }
) }}

select
    household_code,
    review_year,
    standard_code,
    form_code,
    column_code,
    household_id,
    period_code,
    commune_code,
    district_code,
    province_code,
    previous_class_code,
    class_code,
    movement_code,
    member_count_at_start as start_member_count,
    member_count,
    person_count,
    is_on_last_list,
    is_unexplained,
    unexplained_reason_code,
    list_year,
    submission_id,
    sheet_name,
    row_number
from {{ ref('int_movement__household') }} -- slice: household_id
