-- What: an accepted row of a commune profile has no place, so that its figures would vanish.
-- When: the gate let a commune code pass that no list of units knows.
-- How to resolve: hold the row (rule unknown_code), or add the unit to the seed admin_unit if it exists.
select
    profile.submission_id,
    profile.sheet_name,
    profile.row_number,
    profile.commune_code
from {{ ref('stg_commune_profile') }} as profile
left join {{ ref('int_place__resolved') }} as place
    on
        profile.commune_code = place.named_commune_code
        and profile.period_end_on = place.named_on
        and profile.period_end_on = place.placed_on
where place.commune_code is null
