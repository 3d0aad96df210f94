with accepted as (
    {{ accepted_rows('household_review') }}
)

select
    submission_id,
    sheet_name,
    row_number,
    sender_code,
    period_code,
    period_end_on,
    standard_code,
    extract(year from period_end_on)::integer as review_year,
    household_code,
    head_national_id,
    head_ethnic_group as ethnic_group_code,
    commune_code,
    village_name,
    area_type,
    member_count::integer as member_count,
    income_per_capita as income_per_capita_vnd,
    {{ deprivations_of_row() }} as deprivation_codes,
    class_previous as reported_previous_class_code,
    class_reported as class_code,
    movement_reported as reported_movement_code,
    poverty_causes as cause_codes,
    needs as need_codes,
    is_merit_family,
    has_social_protection_member,
    has_no_labour_capacity,
    registered_to_escape,
    has_temporary_house
from accepted
