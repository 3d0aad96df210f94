{{ config(
    slice_by=['commune_code', 'review_year'],
    touched_by={
        'fct_household_recount': ['commune_code', 'review_year'],
        'fct_commune_profile': ['commune_code', 'year'],
    }
) }}

select
    recount.commune_code,
    recount.review_year,
    recount.standard_code,
    recount.applied_standard_code,
    recount.district_code,
    recount.province_code,
    profile.household_count,
    count(*)::integer as reviewed_count,
    count(*) filter (where recount.class_code = 'poor')::integer as reported_poor_count,
    count(*) filter (where recount.class_code = 'near_poor')::integer as reported_near_poor_count,
    count(*) filter (where recount.class_derived_code = 'poor')::integer as poor_count,
    count(*) filter (where recount.class_derived_code = 'near_poor')::integer as near_poor_count,
    count(*) filter (where recount.class_derived_code = 'not_poor')::integer as not_poor_count,
    count(*) filter (where recount.class_derived_code is null)::integer as undecided_count
from {{ ref('fct_household_recount') }} as recount -- slice: commune_code, review_year
left join {{ ref('fct_commune_profile') }} as profile
    on
        recount.commune_code = profile.commune_code
        and recount.review_year = profile.year
group by
    recount.commune_code,
    recount.review_year,
    recount.standard_code,
    recount.applied_standard_code,
    recount.district_code,
    recount.province_code,
    profile.household_count
