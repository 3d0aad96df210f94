select
    submission_id,
    sheet_name,
    row_number,
    sender_code,
    period_code,
    period_end as period_end_on,
    extract(year from period_end)::integer as review_year,
    commune_code,
    household_count,
    population,
    poor_count as poor_household_count,
    near_poor_count as near_poor_household_count,
    average_living_count as average_living_household_count,
    poor_persons as poor_member_count,
    near_poor_persons as near_poor_member_count,
    average_living_persons as average_living_member_count
from {{ source('accepted', 'review_result') }}
