{{ config(
    slice_by=['household_code'],
    touched_by={
        'int_household__reviewed': ['household_code'],
    }
) }}

select distinct
    review.household_code,
    review.review_year,
    review.standard_code,
    coded.code as deprivation_code,
    review.class_code,
    review.period_code,
    review.commune_code,
    review.district_code,
    review.province_code,
    review.submission_id,
    review.sheet_name,
    review.row_number
from {{ ref('int_household__reviewed') }} as review -- slice: household_code
cross join unnest(review.deprivation_codes) as coded (code)
