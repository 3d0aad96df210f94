{{ config(
    slice_by=['household_code'],
    touched_by={
        'int_household__reviewed': ['household_code'],
    }
) }}

-- The same deprivations stand in many reports: each set of them is compared with the lists once.
with review as (
    select
        household_code,
        household_id,
        review_year,
        standard_code,
        commune_code,
        district_code,
        province_code,
        area_type,
        income_per_capita_vnd,
        class_code,
        told_deprivation_codes,
        coalesce(deprivation_codes, '{}') as deprivation_codes
    from {{ ref('int_household__reviewed') }} -- slice: household_code
),

told as (
    select distinct
        deprivation_codes,
        told_deprivation_codes
    from review
),

standard as (
    select distinct code
    from {{ ref('poverty_standard') }}
),

counted as (
    select
        told.deprivation_codes,
        told.told_deprivation_codes,
        standard.code as applied_standard_code,
        count(*) filter (where listed.code = any(told.deprivation_codes))::integer as deprivation_count,
        count(*) filter (where listed.code = any(told.told_deprivation_codes))::integer as told_count,
        count(listed.code)::integer as listed_count
    from told
    cross join standard
    left join {{ ref('deprivation') }} as listed on standard.code = listed.standard_code
    group by told.deprivation_codes, told.told_deprivation_codes, standard.code
)

select
    review.household_code,
    review.household_id,
    review.review_year,
    review.standard_code,
    counted.applied_standard_code,
    review.commune_code,
    review.district_code,
    review.province_code,
    review.class_code,
    {{ poverty_class('review.income_per_capita_vnd', 'counted.deprivation_count', 'counted.told_count', 'line') }}
        as class_derived_code,
    counted.deprivation_count,
    counted.listed_count - counted.told_count as untold_deprivation_count
from review
inner join counted
    on
        review.deprivation_codes = counted.deprivation_codes
        and review.told_deprivation_codes = counted.told_deprivation_codes
left join {{ ref('poverty_standard') }} as line
    on
        counted.applied_standard_code = line.code
        and review.area_type = line.area_type
