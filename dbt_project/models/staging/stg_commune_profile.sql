with accepted as (
    {{ accepted_rows('commune_profile') }}
)

select
    submission_id,
    sheet_name,
    row_number,
    sender_code,
    period_code,
    period_end_on,
    extract(year from period_end_on)::integer as profile_year,
    commune_code,
    household_count,
    population,
    ethnic_minority_household_count,
    is_extremely_difficult,
    is_poor_commune,
    is_programme_135,
    is_safe_zone,
    has_paved_road,
    village_count,
    villages_with_hardened_road,
    villages_with_electricity,
    irrigation_need_ha,
    irrigation_met_ha,
    labour_force,
    trained_labour,
    vocationally_trained_labour,
    trained_in_year,
    trained_and_employed
from accepted
