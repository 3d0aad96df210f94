select
    submission_id,
    sheet_name,
    row_number,
    sender_code,
    period_code,
    period_end as period_end_on,
    extract(year from period_end)::integer as period_year,
    activity_id,
    kind as kind_code,
    commune_code,
    held_on,
    target_participants as target_participant_count,
    participants as participant_count,
    participating_households as participating_household_count,
    cost as cost_vnd,
    funding_source as funding_source_code
from {{ source('accepted', 'capacity_activity') }}
