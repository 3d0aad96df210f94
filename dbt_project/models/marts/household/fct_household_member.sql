{{ config(
    slice_by=['household_code'],
    touched_by={
        'int_member__person': ['household_code'],
    }
) }}

select
    person_key,
    review_year,
    period_code,
    household_code,
    household_id,
    household_key,
    person_no,
    sex_code as sex,
    age,
    relation_to_head_code,
    ethnic_group_code,
    has_health_insurance,
    is_studying,
    is_working,
    needs_vocational_training,
    needs_legal_aid,
    is_social_assistance_beneficiary,
    has_identity_conflict,
    class_code,
    admin_unit_key,
    commune_code,
    district_code,
    province_code,
    sender_code,
    submission_id,
    sheet_name,
    row_number
from {{ ref('int_member__person') }} -- slice: household_code
