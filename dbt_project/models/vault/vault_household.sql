{{ config(
    slice_by=['household_code'],
    touched_by={
        'int_household__reviewed': ['household_code'],
        'int_household__classified': ['household_code'],
        'stg_household_review': none,
    }
) }}

select
    review.household_code,
    review.review_year,
    review.standard_code,
    review.household_id,
    classified.head_person_key,
    listed.head_name,
    listed.head_national_id,
    listed.head_birth_date,
    listed.head_birth_date_precision_code,
    review.head_sex_code,
    listed.village_name,
    review.commune_code,
    review.district_code,
    review.province_code,
    review.class_code,
    review.submission_id,
    review.sheet_name,
    review.row_number
from {{ ref('int_household__reviewed') }} as review -- slice: household_code
inner join {{ ref('int_household__classified') }} as classified -- slice: household_code
    on
        review.household_code = classified.household_code
        and review.review_year = classified.review_year
        and review.standard_code = classified.standard_code
inner join {{ ref('stg_household_review') }} as listed
    on
        review.submission_id = listed.submission_id
        and review.sheet_name = listed.sheet_name
        and review.row_number = listed.row_number
