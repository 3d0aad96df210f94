{{ config(
    slice_by=['household_id'],
    touched_by={
        'int_household__reviewed': ['household_id'],
        'dim_household': ['household_id'],
    }
) }}

select
    review.household_code,
    review.review_year,
    review.standard_code,
    review.household_id,
    household.household_key,
    review.period_code,
    review.admin_unit_key,
    review.commune_code,
    review.district_code,
    review.province_code,
    review.area_type,
    review.member_count,
    review.income_per_capita_vnd,
    review.deprivation_count,
    review.class_code,
    review.class_derived_code,
    review.previous_class_code,
    review.movement_code,
    review.head_sex_code,
    review.ethnic_group_code,
    review.is_ethnic_minority,
    review.is_merit_family,
    review.has_social_protection_member,
    review.has_no_labour_capacity,
    review.registered_to_escape,
    review.has_temporary_house,
    review.sender_code,
    review.submission_id,
    review.sheet_name,
    review.row_number
from {{ ref('int_household__reviewed') }} as review -- slice: household_id
left join {{ ref('dim_household') }} as household -- slice: household_id
    on {{ version_in_year('household', 'review.household_id', 'review.review_year') }}
