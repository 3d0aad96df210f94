select
    commune_code,
    review_year,
    standard_code,
    period_code,
    district_code,
    province_code,
    is_known,
    has_held_row,
    sender_code,
    submission_id
from {{ ref('int_household__by_commune') }}
