{{ config(key=['commune_code', 'profile_year']) }}

-- Of several rows for a commune and year, that of its own district counts, then the one received last.
select distinct on (place.commune_code, profile.profile_year)
    profile.submission_id,
    profile.sheet_name,
    profile.row_number,
    profile.sender_code,
    profile.period_code,
    profile.period_end_on,
    profile.profile_year,
    place.commune_code,
    place.admin_unit_key,
    place.district_code,
    place.province_code,
    place.reporting_unit_code,
    place.reporting_sender_code,
    profile.household_count,
    profile.population,
    profile.ethnic_minority_household_count,
    profile.is_extremely_difficult,
    profile.is_poor_commune,
    profile.is_programme_135,
    profile.is_safe_zone,
    profile.has_paved_road,
    profile.village_count,
    profile.villages_with_hardened_road,
    profile.villages_with_electricity,
    profile.irrigation_need_ha,
    profile.irrigation_met_ha,
    profile.labour_force,
    profile.trained_labour,
    profile.vocationally_trained_labour,
    profile.trained_in_year,
    profile.trained_and_employed
from {{ ref('stg_commune_profile') }} as profile
inner join {{ ref('int_place__resolved') }} as place
    on
        profile.commune_code = place.named_commune_code
        and profile.period_end_on = place.named_on
        and profile.period_end_on = place.placed_on
order by
    place.commune_code,
    profile.profile_year,
    case when profile.sender_code = place.reporting_sender_code then 0 else 1 end,
    profile.submission_id desc,
    profile.row_number
